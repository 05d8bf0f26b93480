import { createServer } from 'node:http';
import express from 'express';
import { createSweeper } from '../../../build/demo/sweeper.js';
import { createEnvironment } from '../../../build/demo/templates.js';

// A site often opens something that would keep the process alive.
createServer().listen(0, '127.0.0.1');

export default createSweeper(() => {}).install(createEnvironment(express()));
