// SPDX-License-Identifier: Apache-2.0
/**
 * Memories, copies and checkpoints of instances for the WebAssembly runtime Chicory: {@link
 * dev.samara.wasm.chicory.ChicoryMemory}, {@link dev.samara.wasm.chicory.ChicoryFork}, {@link
 * dev.samara.wasm.chicory.ChicoryCheckpoint} and {@link dev.samara.wasm.chicory.ChicoryTable}. The classes of Endive
 * have the same methods, but other names, so {@code dev.samara.wasm.endive} is written alike; a change of one belongs
 * in the other, too.
 */
@NullMarked
package dev.samara.wasm.chicory;

import org.jspecify.annotations.NullMarked;
