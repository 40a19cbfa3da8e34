// SPDX-License-Identifier: Apache-2.0
/**
 * Runs threads one at a time, and chooses at each step which one is next.
 *
 * <p>A {@link dev.samara.interleave.schedule.Scenario} has a few operations. An {@link
 * dev.samara.interleave.schedule.Exploration} runs it again and again, each time on new objects and new threads,
 * in the order of a {@link dev.samara.interleave.schedule.Strategy}, until a run fails. The schedule of a failure
 * is a short list of choices, {@code a:17>b c:3>a}: before a makes its 17th step, b runs. It is made shorter as long as
 * the rest still fails, and the same list always leads to the same run.
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
 * <p><b>Steps.</b> A thread announces an access before it makes it: its pending step says what it will touch, and
 * whether it can be made at all. A thread that waits for a lock, a permit, a signal or a future is one whose pending
 * step has a condition that is false. The scheduler evaluates the conditions at each choice, so nothing has to be
 * woken, and a lost wake-up is a choice without options: the verdict is {@code STUCK}, at once, with the wait graph.
 *
 * <p><b>Hand-over.</b> There is no thread of the scheduler. Its code runs on the thread that has come to a step. If the
 * choice is that thread, it returns; otherwise it sets the other thread's flag, unparks it, and parks. The flag orders
 * all accesses of a run, so a run is sequentially consistent, and the scheduler's own state needs no lock.
 *
 * <p><b>Time</b> is virtual. It stands still while a thread can run, and leaps to the next time limit where none can.
 * A run whose leaps add up to more than the patience is stuck: only clocks would have ended its waits.
 *
 * <p><b>Spinning.</b> At a spin-wait hint a thread either yields until another thread has changed something, or goes on
 * to the end of its spin, where it parks. Both are tried, and neither counts as a preemption. The iterations of a spin
 * differ in a counter only, so no other choice is tried within one ({@link dev.samara.interleave.schedule.Spin}).
 *
 * <p><b>Reductions.</b> {@code DepthFirst} preempts only before accesses to locations that two threads of some run have
 * accessed, one of them to write ({@link dev.samara.interleave.schedule.SharedLocations}). A preemption before any
 * other step can be put off to the next such access, and the run has as many preemptions as before, so the bound stays
 * what it says. {@code SleepSets} reorders no two steps without a conflict, and therefore knows no bound: of a class of
 * runs it may keep one that has more preemptions than another one. The two are never combined. Neither preserves all
 * states between steps, so a scenario that judges between steps judges those of the runs that are made.
 *
 * <p><b>Store buffers.</b> Classes can be instrumented so that plain, opaque and release stores through handles wait in
 * a {@link dev.samara.interleave.schedule.StoreBuffer}, in order, as on x86. They leave it all at once, in a step
 * of its own, before the thread's next volatile store, read-modify-write, full fence or wait; or one by one, by a
 * thread of the run that does only that. A volatile load does not empty the buffer, since the memory model lets it
 * overtake a release store. Bytes of frames, and plain stores without a handle, do not wait. What needs reordered
 * loads, or stores out of order, is left to JCStress.
 *
 * <p><b>The end of a run.</b> A run ends with its main thread or with a failure. Threads that are left get an error
 * from each further step, which unwinds them. Objects of a run belong to that run, so half-done changes do no harm;
 * static state of the instrumented classes lasts from run to run. The first run of an exploration is not counted,
 * because it initializes classes: code in an initializer makes no steps, since the JDK holds a lock meanwhile.
 */
@NullMarked
package dev.samara.interleave.schedule;

import org.jspecify.annotations.NullMarked;
