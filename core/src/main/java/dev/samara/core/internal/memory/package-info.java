// SPDX-License-Identifier: Apache-2.0
/**
 * A machine's memory as one object.
 *
 * <p>A {@link dev.samara.core.internal.memory.MachineMemory} holds the frames of one page size, and everything that
 * their users share: grace periods, CPUs, page table contexts, owners of busy entries and page caches. The packages
 * above have the parts. The packages below take the whole. {@link
 * dev.samara.core.internal.memory.CommittedMemory} counts what the spaces and shared objects of a machine have been
 * promised, and has the limit ({@code vm_enough_memory}).
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What do all spaces of a machine share, if it has memory?</td>
 *       <td>{@link dev.samara.core.internal.memory.MachineMemory}</td></tr>
 *   <tr><td>Where is the limit of committed memory?</td>
 *       <td>{@link dev.samara.core.internal.memory.CommittedMemory}</td></tr>
 *   <tr><td>Where is the limit of the indexes of page caches?</td>
 *       <td>{@link dev.samara.core.internal.memory.IndexBudget}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.memory;

import org.jspecify.annotations.NullMarked;
