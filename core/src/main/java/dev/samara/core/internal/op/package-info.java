// SPDX-License-Identifier: Apache-2.0
/**
 * How an operation changes a layout: prepare, publish, retire, complete.
 *
 * <p>A call is an {@link dev.samara.core.internal.op.Operation}. Each of its attempts is an {@link
 * dev.samara.core.internal.op.Edit}, one tree transaction with the counters that belong to it. The edit holds the
 * layout lock, decides in Linux's order of errors, and publishes everything with one store: readers see all of an
 * operation or nothing, also where Linux stops half-way and leaves what it has done so far.
 *
 * <p>An attempt that meets the range of an operation in flight, or a backing that must be asked first, is abandoned.
 * The operation waits, or {@linkplain dev.samara.core.internal.op.BackingCallbacks asks}, without the lock, and tries
 * again; after several attempts it leaves a {@link dev.samara.core.internal.op.Ticket}, which later operations respect.
 * What an operation unmaps, replaces, moves or narrows stays in flight until {@link
 * dev.samara.core.internal.op.Retirement} has taken the pages away. Then its {@link
 * dev.samara.core.internal.op.Completion} clears the reservations, joins neighbours and opens the gate.
 *
 * <p>{@link dev.samara.core.internal.op.MergeRules} decides which VMAs continue each other and where one is cut. {@link
 * dev.samara.core.internal.op.Placement} finds room. {@link dev.samara.core.internal.op.CommitCharge} charges memory.
 * {@link dev.samara.core.internal.op.OpenTransfer} hands the opens of backings on. {@link
 * dev.samara.core.internal.op.CopyPageTables} copies page tables for a fork.
 */
package dev.samara.core.internal.op;
