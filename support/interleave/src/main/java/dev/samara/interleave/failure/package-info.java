// SPDX-License-Identifier: Apache-2.0
/**
 * Injects one failure per run, at a point where it can really occur.
 *
 * <p>A loader of {@link dev.samara.interleave.instrument} can add <em>failure points</em> to the production classes:
 * calls of {@link dev.samara.interleave.failure.FailurePoints} before each instruction that may fail. A run has one
 * {@link dev.samara.interleave.failure.Injection}. It counts the points of one {@link
 * dev.samara.interleave.failure.FailureKind} that certain threads reach, and the n-th of them fails. A sweep runs the
 * scenario for each n, until a run does not reach its n-th point.
 *
 * <ul>
 *   <li><em>Allocations</em>: {@code new}, arrays, capturing lambdas, and each call to the JDK and JCTools, e.g. an
 *       offer to a queue, except for the calls that are known to allocate nothing (listed in {@code ForeignCalls}).
 *   <li><em>Stack overflow</em>: each method entry. The stack has a maximum size in bytes, counted in frames of the
 *       interpreter, and each entry that does not fit throws. An error that is injected only at the n-th entry would be
 *       less realistic. It could be thrown in a {@code finally} block that needs less stack than its {@code try} block,
 *       where no real stack overflows.
 *   <li><em>Frames</em>: no frame is free, or a frame store has no memory for more frames.
 *   <li><em>Threads and tasks</em>: a thread cannot be started, or an executor rejects a task.
 *   <li><em>Callbacks</em>: a call to a backing, frame store or listener throws a RuntimeException, an Error, or a
 *       checked exception that it does not declare.
 * </ul>
 *
 * <p>Interrupts arrive before a wait, and a failure of the clock stops it at one reading, or makes it jump by an hour.
 *
 * <p><b>Not injected</b>:
 *
 * <ul>
 *   <li>Failures in the initialization of classes and the linkage of call sites: the JDK holds locks during both, and a
 *       class whose initializer failed is lost for good.
 *   <li>Failures in nodes of the queues of locks, and the end of the stack within the JDK: the scheduler's locks
 *       replace those of the JDK. {@code HeapSweepTest} and {@code StackSweepTest} fill a real heap and a real stack.
 *   <li>A failure in the first {@code ThreadLocal.get} of a thread: each call executes it before it changes anything.
 *   <li>Failures in additions to lists for which room was made before ({@code ForeignCalls} names them).
 *   <li>The end of a thread in the middle of an operation: a thread of the JVM ends only when it leaves its methods.
 *   <li>The time limits of waits: the scheduler implements them, and ends such a wait when no thread can run.
 *   <li>Interrupts where a thread could wait but need not, and before the start or after the end of the operations.
 *   <li>Two failures in one run. But in {@code HeapSweepTest} the heap stays full, so several allocations may fail.
 *   <li>The end of the stack on threads of the machine.
 *   <li>Failures in the close of a page cache whose contents are judged afterwards: files in memory represent this
 *       case.
 * </ul>
 *
 * <p>Failures of calls to the host are injected differently: the tests' file channel gets the outcome of each call from
 * a {@link dev.samara.interleave.failure.HostFault}.
 *
 * <p>The classes of this package are loaded once and not instrumented; the scenarios of {@code sweep} are instrumented.
 */
@NullMarked
package dev.samara.interleave.failure;

import org.jspecify.annotations.NullMarked;
