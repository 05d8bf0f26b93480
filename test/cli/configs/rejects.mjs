// What fails in the background of a site.
export default () => {
  Promise.reject(new Error('the database is away'));
  return new Promise((resolve) => setTimeout(resolve, 60_000));
};
