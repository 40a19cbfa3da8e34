// SPDX-License-Identifier: Apache-2.0
/**
 * The operations on a layout, and the rules they share.
 *
 * <p>A {@code Layout} is one address space's tree of VMAs, its counters and limits, and one lock, the <em>layout
 * lock</em>, which is the tree's writer lock. Look-ups and snapshots take no lock. An operation takes the lock, opens an
 * {@code Edit} (one tree transaction with the counters that go with it), decides in Linux's order of errors, and closes
 * the edit, which publishes everything it did in one store: readers see all of an operation or nothing, also where
 * Linux stops half-way and leaves what it has done so far.
 *
 * <p>Each file is one room: {@code MergeRules} decides which VMAs continue each other and where one is cut, {@code
 * Placement} finds room, {@code Limits} bounds, {@code Counters} counts, and the operations are grouped as in the kernel's
 * {@code mm/} folder ({@code mmap.c}, {@code mprotect.c}, {@code mremap.c}, {@code madvise.c}, {@code mlock.c}, ...).
 *
 * <p>Nothing here is exported; the facade in the package above is.
 */
package dev.samara.core.layout;
