// SPDX-License-Identifier: Apache-2.0
/**
 * Runs threads one at a time, and chooses at each step which thread runs next.
 *
 * <p>A {@link dev.samara.interleave.schedule.Scenario} consists of a few operations. An {@link
 * dev.samara.interleave.schedule.Exploration} runs it repeatedly, each time with new objects and new threads, in the
 * order of a {@link dev.samara.interleave.schedule.Strategy}, until a run fails. The schedule of a failure is a short
 * list of choices such as {@code a:17>b c:3>a}: before a performs its 17th step, b runs. The exploration shortens the
 * list as long as a run with the remaining choices still fails. The same list always leads to the same run.
 *
 * <pre>
 *     instrumented code ──> Steps, Threads, Stepped...Lock, Buffered  announce a step
 *                             │
 *                             v
 *                           Run.reach ──> Chooser.choose              which thread is next
 *                             │                │
 *                             v                ├─ DepthFirst    all runs with at most n preemptions
 *                           hand over, or      ├─ SleepSets     one run of each class of equivalent ones
 *                           return and make    ├─ Priorities    random, by seed
 *                           the step           └─ Replay        a schedule
 * </pre>
 *
 * <p><b>Steps.</b> A thread announces an access before it performs it: its pending step contains the location and the
 * condition under which the step can be performed. A thread that waits for a lock, a permit, a signal or a future is a
 * thread whose pending step's condition is false. The scheduler evaluates the conditions at each choice, so no thread
 * must be woken. A lost wake-up is a choice without options, which immediately fails the run as {@code STUCK}, with the
 * wait graph.
 *
 * <p><b>Hand-over.</b> The scheduler has no thread of its own. Its code runs on the thread that reached a step. If that
 * thread is chosen, it returns; otherwise it sets the chosen thread's flag, unparks the chosen thread, and parks. The
 * flag orders all accesses of a run, so a run is sequentially consistent, and the scheduler's own state needs no lock.
 *
 * <p><b>Time</b> is virtual. It stands still while a thread can run, and leaps to the next deadline if no thread can
 * run. A run whose leaps exceed the limit ({@link dev.samara.interleave.schedule.Limits}) in total is stuck, because
 * its waits would only end by timeouts.
 *
 * <p><b>Spinning.</b> At a spin-wait hint, a thread either yields until another thread changed something, or continues
 * to the end of its spin, where it parks. Both are tried, and neither counts as a preemption. The iterations of a spin
 * differ only in a counter, so no other choice is tried within a spin ({@link dev.samara.interleave.schedule.Spin}).
 *
 * <p><b>Reductions.</b> {@code DepthFirst} preempts only before accesses to locations that two threads of a run
 * accessed, at least one of them with a write ({@link dev.samara.interleave.schedule.SharedLocations}). A preemption
 * before any other step can be postponed to the next such access without changing the number of preemptions, so the
 * bound keeps its meaning. {@code SleepSets} does not try both orders of two steps that do not conflict, and therefore
 * supports no bound: of several equivalent runs, it may make the one with more preemptions. The two reductions are
 * never combined. Neither preserves all states between steps, so a scenario that checks states between steps sees only
 * those of the runs that are made.
 *
 * <p><b>Store buffers.</b> Classes can be instrumented so that plain, opaque and release stores through VarHandles wait
 * in a {@link dev.samara.interleave.schedule.StoreBuffer}, in order, as on x86. All of them are performed in one step
 * before the thread's next volatile store, read-modify-write, full fence or wait; or one by one, by a thread of the run
 * that does nothing else. A volatile load does not empty the buffer, because the memory model lets it overtake a
 * release store. Stores to the bytes of frames and plain stores without a VarHandle do not wait. Bugs that need
 * reordered loads, or stores out of order, are left to JCStress.
 *
 * <p><b>The end of a run.</b> A run ends with its main thread or with a failure. In the remaining threads, each further
 * step throws an error, which unwinds them. A run uses its own objects, so incomplete changes do no harm; only static
 * state of the instrumented classes persists from run to run. The first run of an exploration is not counted, because
 * it initializes classes: code in an initializer announces no steps, because the JDK holds a lock during the
 * initialization.
 */
@NullMarked
package dev.samara.interleave.schedule;

import org.jspecify.annotations.NullMarked;
