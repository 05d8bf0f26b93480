import { cities } from './cities.ts';
import { cooking } from './cooking.ts';
import { gardening } from './gardening.ts';
import { repair } from './repair.ts';
import { software } from './software.ts';
import type { TopicText } from './topic-text.ts';
import { walking } from './walking.ts';

export const topics: readonly TopicText[] = [cooking, cities, software, gardening, walking, repair];
