import { scaleModel } from '../models/scale-model.ts';
import { sha256 } from '../models/model-bucket.ts';

export const [one, two, three] = [1, 2, 3].map((factor) => scaleModel(factor)) as [Buffer, Buffer, Buffer];

export const MODELS = { 1: sha256(one), 2: sha256(two), 3: sha256(three) };
