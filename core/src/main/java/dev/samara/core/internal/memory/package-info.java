// SPDX-License-Identifier: Apache-2.0
/**
 * A machine's memory as one object.
 *
 * <p>A {@link dev.samara.core.internal.memory.MachineMemory} holds the frames of one page size, and everything that
 * their users share: grace periods, CPUs, page table contexts, owners of busy entries and page caches. The packages
 * that this one imports implement these parts; the packages that import it use the whole. {@link
 * dev.samara.core.internal.memory.CommittedMemory} counts the memory committed to a machine's spaces and shared
 * objects, and enforces the limit ({@code vm_enough_memory}).
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What do all spaces of a machine with memory share?</td>
 *       <td>{@link dev.samara.core.internal.memory.MachineMemory}</td></tr>
 *   <tr><td>What limits committed memory?</td>
 *       <td>{@link dev.samara.core.internal.memory.CommittedMemory}</td></tr>
 *   <tr><td>What limits the size of page-cache indexes?</td>
 *       <td>{@link dev.samara.core.internal.memory.MachineMemory.IndexBudget}</td></tr>
 *   <tr><td>What limits the pages that views pin, and when are they released?</td>
 *       <td>{@link dev.samara.core.internal.memory.ViewPins}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.memory;

import org.jspecify.annotations.NullMarked;
