import { branch, defineFabric, filter, flatMap, map, mapBatches } from 'inference-fabric';

export default defineFabric({
  pipelines: {
    // The length of each review, in words.
    words: {
      input: { format: 'text' },
      steps: [map((review: string) => review.split(' ')), map((words: readonly string[]) => words.length)],
    },
    // Reviews of one or two words have the prediction null.
    long: {
      input: { format: 'text' },
      steps: [filter((review: string) => review.split(' ').length > 2), map((review: string) => review.length)],
    },
    // A review's prediction is an array with the length of each of its sentences.
    sentences: {
      input: { format: 'text' },
      steps: [flatMap((review: string) => review.split('. ')), map((sentence: string) => sentence.length)],
    },
    // One call for up to 100 reviews, such as a query to a database: one result for each, in their order.
    'lower-case': {
      input: { format: 'text' },
      steps: [
        mapBatches((reviews: readonly string[]) => reviews.map((review) => review.toLowerCase()), {
          batchSize: 100,
        }),
      ],
    },
    // One review in ten goes through the new steps, chosen by its id: its prediction is { next: … }, others' { now: … }.
    trial: {
      input: { format: 'text' },
      steps: [
        branch(
          {
            now: [map((review: string) => review.length)],
            next: [map((review: string) => review.split(' ').length)],
          },
          { split: { now: 9, next: 1 } },
        ),
      ],
    },
  },
});
