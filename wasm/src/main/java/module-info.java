// SPDX-License-Identifier: Apache-2.0
/**
 * WebAssembly memories for the Chicory runtime, in address spaces of the library. The main class is {@link
 * dev.samara.wasm.LinearMemory}.
 */
@org.jspecify.annotations.NullMarked
module dev.samara.wasm {
    requires transitive dev.samara.core;
    requires transitive com.dylibso.chicory.runtime;
    requires static org.jspecify;

    exports dev.samara.wasm;
}
