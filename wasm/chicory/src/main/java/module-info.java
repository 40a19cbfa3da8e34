// SPDX-License-Identifier: Apache-2.0
/** WebAssembly memories for the runtime Chicory, in address spaces of the library. */
@org.jspecify.annotations.NullMarked
module dev.samara.wasm.chicory {
    requires transitive dev.samara.wasm;
    requires transitive com.dylibso.chicory.runtime;
    requires static org.jspecify;

    exports dev.samara.wasm.chicory;
}
