// SPDX-License-Identifier: Apache-2.0
/**
 * The state of one address space, and the state that all spaces of a machine share.
 *
 * <p>A {@link dev.samara.core.internal.space.Layout} has the tree of VMAs, the {@linkplain
 * dev.samara.core.internal.space.Counters counters}, the {@linkplain dev.samara.core.internal.space.Limits limits}, and
 * the <em>layout lock</em>, which is the tree's writer lock. Lookups and snapshots take no lock. {@link
 * dev.samara.core.internal.space.InFlightRanges} lists the operations in flight. Each has a {@link
 * dev.samara.core.internal.space.InFlightRange} with its ranges, and a {@linkplain
 * dev.samara.core.internal.space.InFlightGate gate}. The gate stops faults and operations in the ranges until the
 * operation is complete.
 *
 * <p>{@link dev.samara.core.internal.space.Changes} and {@link dev.samara.core.internal.space.Notifiers} have the
 * listeners of a space. {@link dev.samara.core.internal.space.Lifetime} has the counts of references to a space and its
 * parts, {@link dev.samara.core.internal.space.SpaceEnd} tears it down after the last user, and {@link
 * dev.samara.core.internal.space.Identity} is what can be asked afterwards. {@link
 * dev.samara.core.internal.space.Borrowers} lists the CPUs that borrow spaces. A {@link
 * dev.samara.core.internal.space.MachineState} is the state that all spaces of a machine share.
 */
package dev.samara.core.internal.space;
