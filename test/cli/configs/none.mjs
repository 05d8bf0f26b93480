export const environment = 1;
export default undefined;
