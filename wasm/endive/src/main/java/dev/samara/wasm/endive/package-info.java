// SPDX-License-Identifier: Apache-2.0
/**
 * Memories and copies of instances for the WebAssembly runtime Endive: {@link dev.samara.wasm.endive.EndiveMemory} and
 * {@link dev.samara.wasm.endive.EndiveFork}. The classes of Chicory have the same methods, but other names, so {@code
 * dev.samara.wasm.chicory} is written alike; a change of one belongs in the other, too.
 */
@NullMarked
package dev.samara.wasm.endive;

import org.jspecify.annotations.NullMarked;
