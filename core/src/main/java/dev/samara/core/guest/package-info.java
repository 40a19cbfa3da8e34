// SPDX-License-Identifier: Apache-2.0
/**
 * Memory as guest code sees it: numbers and bytes at addresses.
 *
 * <p>{@link dev.samara.core.guest.GuestMemory} joins what the rooms above have: it asks the TLB of a {@link
 * dev.samara.core.tlb.Processor}, has that walk the page table, has a {@link dev.samara.core.fault.Faulter} find the
 * page where there is none, and then touches the bytes of the frame. It does so in GUEST, and handles faults outside of
 * it.
 */
@NullMarked
package dev.samara.core.guest;

import org.jspecify.annotations.NullMarked;
