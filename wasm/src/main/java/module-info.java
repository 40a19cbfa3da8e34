// SPDX-License-Identifier: Apache-2.0
/**
 * WebAssembly memories in address spaces of the library, without a type of a runtime. The main class is {@link
 * dev.samara.wasm.LinearMemory}. The adapters for Chicory and Endive are modules of their own.
 */
@org.jspecify.annotations.NullMarked
module dev.samara.wasm {
    requires transitive dev.samara.core;
    requires static org.jspecify;

    exports dev.samara.wasm;
}
