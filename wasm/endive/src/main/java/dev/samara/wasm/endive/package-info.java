// SPDX-License-Identifier: Apache-2.0
/**
 * Memories and copies of instances for the WebAssembly runtime Endive: {@link dev.samara.wasm.endive.EndiveMemory} and
 * {@link dev.samara.wasm.endive.EndiveFork}.
 */
@NullMarked
package dev.samara.wasm.endive;

import org.jspecify.annotations.NullMarked;
