// SPDX-License-Identifier: Apache-2.0
/**
 * Memory as guest code sees it: numbers and bytes at addresses.
 *
 * <p>{@link dev.samara.core.internal.guest.GuestMemory} asks the TLB of a {@link
 * dev.samara.core.internal.tlb.CpuTlb}, has it walk the page table on a miss, has a {@link
 * dev.samara.core.internal.fault.Faulter} find the page if there is none, and then accesses the bytes of the frame. It
 * does so in GUEST, and handles faults outside of it. {@link dev.samara.core.internal.guest.CheckedMemory} is its
 * subclass for a checked machine, which has each access checked after it was made.
 */
@NullMarked
package dev.samara.core.internal.guest;

import org.jspecify.annotations.NullMarked;
