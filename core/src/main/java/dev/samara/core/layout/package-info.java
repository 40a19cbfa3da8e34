// SPDX-License-Identifier: Apache-2.0
/**
 * The operations on a layout, and the rules they share.
 *
 * <p>A {@code Layout} is one address space's tree of VMAs, its counters and limits, and one lock, the <em>layout
 * lock</em>, which is the tree's writer lock. Look-ups and snapshots take no lock. A call is an {@code Operation}. Each
 * of its attempts is an {@code Edit} (one tree transaction with the counters that go with it): it holds the lock,
 * decides in Linux's order of errors, and publishes everything it did in one store. Readers see all of an operation or
 * nothing, also where Linux stops half-way and leaves what it has done so far.
 *
 * <p>An attempt that meets what is in transit, or a backing that must be asked first, is dropped; the operation waits,
 * or asks, without the lock, and tries again. What an operation unmaps, replaces, moves or narrows is in {@code
 * Transit} until it is retired and its {@code Completion} has cleared the reservations, joined neighbours and opened
 * the gate.
 *
 * <p>Each file is one room: {@code MergeRules} decides which VMAs continue each other and where one is cut, {@code
 * Placement} finds room, {@code Limits} bounds, {@code Counters} counts, and the operations are grouped as in the
 * kernel's {@code mm/} folder ({@code mmap.c}, {@code mprotect.c}, {@code mremap.c}, {@code madvise.c}, {@code
 * mlock.c}, ...).
 *
 * <p>Nothing here is exported; the facade in the package above is.
 */
package dev.samara.core.layout;
