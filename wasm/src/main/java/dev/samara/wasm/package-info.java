// SPDX-License-Identifier: Apache-2.0
/**
 * Memories of WebAssembly for the runtime Chicory.
 *
 * <table>
 * <caption>Where to look</caption>
 * <tr><th>for</th><th>look into</th></tr>
 * <tr><td>a memory that an instance of Chicory gets, and which threads may use it</td>
 *     <td>{@link dev.samara.wasm.LinearMemory}</td></tr>
 * <tr><td>copies of an instance that has begun</td><td>{@link dev.samara.wasm.InstanceFork}</td></tr>
 * <tr><td>how a thread enters a memory and leaves it</td><td>{@link dev.samara.wasm.EnteredMemory}</td></tr>
 * <tr><td>the accesses, and what they throw</td><td>{@link dev.samara.wasm.LinearNumbers}, {@link
 *     dev.samara.wasm.LinearAtomics}, {@code LinearAccess}</td></tr>
 * <tr><td>waits of threads that share a memory</td><td>{@code MemoryWaits}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.wasm;

import org.jspecify.annotations.NullMarked;
