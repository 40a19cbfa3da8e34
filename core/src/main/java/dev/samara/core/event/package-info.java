// SPDX-License-Identifier: Apache-2.0
/**
 * What an embedder can be told: the interfaces that it implements, and the values that they are given.
 *
 * <p>A {@link dev.samara.core.event.LayoutListener} is given each {@link dev.samara.core.event.LayoutChange} after the
 * change has been published. An {@link dev.samara.core.event.MmuNotifier} is given the ranges that an operation has
 * unmapped, replaced, moved or narrowed, before the operation is complete; a {@link
 * dev.samara.core.event.FlushListener} the ranges whose translations a CPU drops; a {@link
 * dev.samara.core.event.WriteListener} the stores to a watched range. A {@link
 * dev.samara.core.event.ShootdownDelivery} interrupts the CPUs that a shootdown waits for; a {@link
 * dev.samara.core.event.StalledCpu} describes one that has not acknowledged it for long. A {@link
 * dev.samara.core.event.PageSink} receives the pages of a scan.
 *
 * <p>A {@link dev.samara.core.event.Report} is about a failure that no caller can be told: of a callback, of a retired
 * operation, of a wait that lasts. An {@link dev.samara.core.event.InvariantViolation} is what a checked machine throws
 * if an access breaks one of the guarantees.
 *
 * <p><b>Threads.</b> Each interface says which thread calls it, and which locks that thread holds. The values are
 * immutable and may be shared freely.
 */
package dev.samara.core.event;
