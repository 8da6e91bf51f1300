import type { ObjectFormat } from './format.ts';

/** Images: each object is one, checked by its header. A caller that needs the pixels decodes it. */
export const images: ObjectFormat = {
  holds: 'one',
  async decode(bytes, { uri, input }) {
    // Imported when an image is read: planning and configurations need only the format.
    const { checkImage } = await import('./check-image.ts');
    return checkImage(bytes, uri, input.maxPixels);
  },
};
