// SPDX-License-Identifier: Apache-2.0
/**
 * Memories and copies of instances for the WebAssembly runtime Chicory: {@link dev.samara.wasm.chicory.ChicoryMemory}
 * and {@link dev.samara.wasm.chicory.ChicoryFork}.
 */
@NullMarked
package dev.samara.wasm.chicory;

import org.jspecify.annotations.NullMarked;
