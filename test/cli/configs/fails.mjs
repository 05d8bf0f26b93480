// A function that fails.
export default async () => {
  throw new Error('the database is away');
};
