// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.event.InvariantViolation;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * The threads of one act of a storm. Each executes its part until the storm is over. The seed and the thread's number
 * determine its choices.
 */
final class Crew {
    private final Course course;
    private final StormRules rules;
    private final List<Thread> named = new ArrayList<>();
    private final List<Member> members = new CopyOnWriteArrayList<>();

    Crew(Course course, StormRules rules) {
        this.course = course;
        this.rules = rules;
    }

    /** The work of one thread. */
    interface Part {
        /**
         * Takes steps while {@link Course#goesOn} returns true.
         *
         * @param random a source of random numbers for this thread alone
         * @throws InterruptedException if a call that declares it throws it
         */
        void play(Random random) throws InterruptedException;
    }

    /** Adds a thread, without starting it. */
    void add(String name, Part part) {
        named.add(member(name, part, new Random(course.seed + 0x9E3779B97F4A7C15L * named.size())));
    }

    /** Creates a thread for the part of another thread, without starting it. */
    Member member(String name, Part part, Random random) {
        Member member = new Member(name, () -> attempt(part, random), course.workedNanos());
        members.add(member);
        return member;
    }

    private void attempt(Part part, Random random) {
        try {
            part.play(random);
            rules.ended.held();
        } catch (InvariantViolation violation) {
            rules.hardware.broken(String.valueOf(violation.getMessage()));
        } catch (Exception | Error thrown) {
            StringWriter stack = new StringWriter();
            // Appends the stack trace to the text of the violation. Nothing is printed to the console.
            thrown.printStackTrace(new PrintWriter(stack));
            rules.ended.broken(Thread.currentThread().getName() + ": " + stack);
        }
    }

    void start() {
        named.forEach(Thread::start);
    }

    /** Returns whether all threads except one have ended. */
    boolean hasEndedBut(Thread one) {
        return members.stream().noneMatch(member -> member != one && member.isAlive());
    }

    /** Returns the living threads, and forgets the threads that have ended. */
    List<Member> living() {
        members.removeIf(member -> member.getState() == Thread.State.TERMINATED);
        return members.stream().filter(Thread::isAlive).toList();
    }

    /** Waits until all threads have ended, or one makes no progress. Returns whether all have ended. */
    boolean awaitEnd() throws InterruptedException {
        for (Member member : members) {
            while (member.isAlive() && !course.isStalled()) {
                member.join(100);
            }
        }
        return !course.isStalled();
    }
}
