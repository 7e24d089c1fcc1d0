/** What is used here of a global that TypeScript knows in browsers only. */
declare namespace WebAssembly {
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  type Module = object;
  function compile(bytes: Uint8Array): Promise<Module>;
}
