// SPDX-License-Identifier: Apache-2.0
/**
 * Memories and copies of instances for the WebAssembly runtime Chicory: {@link dev.samara.wasm.chicory.ChicoryMemory}
 * and {@link dev.samara.wasm.chicory.ChicoryFork}. The classes of Endive have the same methods, but other names, so
 * {@code dev.samara.wasm.endive} is written alike; a change of one belongs in the other, too.
 */
@NullMarked
package dev.samara.wasm.chicory;

import org.jspecify.annotations.NullMarked;
