// SPDX-License-Identifier: Apache-2.0
/**
 * WebAssembly memories in address spaces, without a type of a runtime. Programs use them through the adapter of a
 * runtime, which is a module of its own: {@code samara-wasm-chicory} or {@code samara-wasm-endive}.
 *
 * <table>
 * <caption>Where to look</caption>
 * <tr><th>for</th><th>look into</th></tr>
 * <tr><td>the memory, and which threads may use it</td><td>{@link dev.samara.wasm.LinearMemory}</td></tr>
 * <tr><td>copies of an instance that was started</td><td>{@link dev.samara.wasm.InstanceCopies}</td></tr>
 * <tr><td>resets of an instance, and instances that requests share in turn</td><td>{@link
 *     dev.samara.wasm.InstanceCheckpoint}, {@link dev.samara.wasm.InstanceState}, {@link
 *     dev.samara.wasm.InstancePool}</td></tr>
 * <tr><td>how a thread enters and leaves a memory</td><td>{@link dev.samara.wasm.EnteredMemory}</td></tr>
 * <tr><td>where running code polls, so that a fork does not wait for long</td>
 *     <td>{@link dev.samara.wasm.LinearNumbers}: at each store; {@link dev.samara.wasm.LinearAtomics}: at each
 *     access</td></tr>
 * <tr><td>the accesses, and what they throw</td><td>{@link dev.samara.wasm.LinearNumbers}, {@link
 *     dev.samara.wasm.LinearAtomics}, {@link dev.samara.wasm.MemoryExceptions}, {@code LinearAccess}</td></tr>
 * <tr><td>how threads that share a memory wait and notify</td><td>{@code MemoryWaits}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.wasm;

import org.jspecify.annotations.NullMarked;
