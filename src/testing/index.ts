export type { Added, Kind, Lookup, Store, StoreCall, StoreItem } from '../stores/store.ts';
export { type ContractCase, type StoreUnderTest, storeContract } from './store-contract.ts';
export { type Fault, type FaultScript, type Operation, TestingStore } from './testing-store.ts';
