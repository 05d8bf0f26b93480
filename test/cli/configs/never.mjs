// A function that waits for what never comes.
export default () => new Promise(() => {});
