// SPDX-License-Identifier: Apache-2.0
/**
 * The callbacks that an embedder implements, and the values that they receive.
 *
 * <p>A {@link dev.samara.core.event.LayoutListener} receives each {@link dev.samara.core.event.LayoutListener.Change}
 * after its publication, in the {@link dev.samara.core.event.LayoutListener.Order} that was chosen at registration. An
 * {@link dev.samara.core.event.MmuNotifier} receives the ranges in which an operation unmapped, replaced, moved or
 * discarded memory or revoked rights, before that operation completes. A {@link dev.samara.core.event.FlushListener}
 * receives the ranges whose translations a CPU drops, a {@link dev.samara.core.event.WriteListener} the writes to a
 * watched range, and an {@link dev.samara.core.event.AccessListener} the reads of a watched range. A {@link
 * dev.samara.core.event.ShootdownDelivery} notifies the CPUs that a shootdown waits for; a {@link
 * dev.samara.core.event.ShootdownDelivery.StalledCpu} describes a CPU that has left a shootdown unacknowledged for too
 * long. The methods that add a listener or notifier return a {@link dev.samara.core.event.Registration}, whose {@code
 * close} removes it.
 *
 * <p>A {@link dev.samara.core.event.Report} describes a condition that cannot be returned to a caller: the failure of a
 * callback or of an operation's retire phase, or a long wait. A checked machine throws an {@link
 * dev.samara.core.event.InvariantViolation} if an access breaks one of the guarantees.
 *
 * <p><b>Threads.</b> Each interface states which thread calls it, and what it may do there. The values are immutable
 * and may be shared freely.
 *
 * <p><b>Stability.</b> This package is evolving: each minor version of 0.x may change it. From 1.0 on it is stable,
 * except for elements that are {@linkplain dev.samara.core.annotation.Experimental experimental}.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Where does an exception that a callback throws go?</td>
 *       <td>A {@link dev.samara.core.event.Report} of kind CALLBACK_FAILED; if the reporter itself throws, the thread's
 *           uncaught exception handler is called</td></tr>
 *   <tr><td>In which order does a listener receive changes?</td>
 *       <td>{@link dev.samara.core.event.LayoutListener.Order}</td></tr>
 *   <tr><td>What removes a listener?</td>
 *       <td>{@link dev.samara.core.event.Registration}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.event;

import org.jspecify.annotations.NullMarked;
