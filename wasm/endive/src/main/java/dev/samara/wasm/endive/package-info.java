// SPDX-License-Identifier: Apache-2.0
/**
 * Memories, copies and checkpoints of instances for the WebAssembly runtime Endive: {@link
 * dev.samara.wasm.endive.EndiveMemory}, {@link dev.samara.wasm.endive.EndiveFork}, {@link
 * dev.samara.wasm.endive.EndiveCheckpoint} and {@link dev.samara.wasm.endive.EndiveTable}. The classes of Chicory have
 * the same methods, but other names, so {@code dev.samara.wasm.chicory} is written alike; a change of one belongs in
 * the other, too.
 */
@NullMarked
package dev.samara.wasm.endive;

import org.jspecify.annotations.NullMarked;
