// SPDX-License-Identifier: Apache-2.0
/** WebAssembly memories for the runtime Endive, in address spaces of the library. */
@org.jspecify.annotations.NullMarked
module dev.samara.wasm.endive {
    requires transitive dev.samara.wasm;
    requires transitive run.endive.runtime;
    requires static org.jspecify;

    exports dev.samara.wasm.endive;
}
