// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static dev.samara.core.live.file.Kind.LENGTH;
import static dev.samara.core.live.file.Kind.NAME;
import static dev.samara.core.live.file.Kind.OFFSET;
import static dev.samara.core.live.file.Kind.SEED;
import static dev.samara.core.live.file.Kind.SIZE;
import static dev.samara.core.live.file.Kind.TO;

import dev.samara.testing.judge.Task;
import java.util.ArrayList;
import java.util.List;

/** Another program, which changes files and names of both sides in the same way. */
final class OtherProgram {
    private static final int READ_WRITE = 2;
    private static final int CREATE_EXCLUSIVE = 0302;
    private static final int PUNCH = 3;

    /** The descriptor that an open returns, because a judge has no other open descriptor below those of its scripts. */
    private static final long OPENED = 0;

    private final Hand hand;
    private final String theirs;
    private final String ours;

    OtherProgram(Hand hand, String theirs, String ours) {
        this.hand = hand;
        this.theirs = theirs;
        this.ours = ours;
    }

    /** Executes a step on the kernel's side, and then on the library's. Returns the two results. */
    List<Outcome> run(Step step) {
        List<String> requests = new ArrayList<>();
        int[] results = {add(requests, step, theirs), 0};
        results[1] = add(requests, step, ours);
        List<String> answers = hand.task().askAll(requests);
        boolean opens = step.verb().isOther() && step.verb() != Verb.OTHER_TRUNCATE;
        List<Outcome> outcomes = new ArrayList<>();
        for (int result : results) {
            long opened = opens ? number(answers, result - (step.verb() == Verb.OTHER_APPEND ? 3 : 1)) : 0;
            outcomes.add(Outcome.of(opened < 0 ? opened : number(answers, result)));
        }
        return outcomes;
    }

    private static long number(List<String> answers, int index) {
        return Long.parseLong(answers.get(index));
    }

    /** Adds the requests of a side, and returns the index of the request whose answer is the result. */
    private int add(List<String> requests, Step step, String folder) {
        String path = folder + "/" + Names.of(step.get(NAME));
        requests.add(hand.pathRequest(0, step.verb() == Verb.SYMLINK ? Names.of(step.get(NAME)) : path));
        switch (step.verb()) {
            case OTHER_TRUNCATE -> {
                return add(requests, Task.callRequest(Hand.TRUNCATE, hand.path(0), step.get(SIZE)));
            }
            case UNLINK -> {
                return add(requests, Task.callRequest(Hand.UNLINK, hand.path(0)));
            }
            case LINK, SYMLINK, RENAME -> {
                requests.add(hand.pathRequest(1, folder + "/" + Names.of(step.get(TO))));
                int number =
                        step.verb() == Verb.LINK ? Hand.LINK : step.verb() == Verb.SYMLINK ? Hand.SYMLINK : Hand.RENAME;
                return add(requests, Task.callRequest(number, hand.path(0), hand.path(1)));
            }
            case CREATE -> {
                int result = add(requests, open(CREATE_EXCLUSIVE));
                requests.add(Task.callRequest(Hand.CLOSE, OPENED));
                return result;
            }
            default -> {
                requests.add(open(READ_WRITE));
                requests.addAll(change(step));
                requests.add(Task.callRequest(Hand.CLOSE, OPENED));
                return requests.size() - 2;
            }
        }
    }

    private static int add(List<String> requests, String request) {
        requests.add(request);
        return requests.size() - 1;
    }

    private String open(int flags) {
        return Task.callRequest(Hand.OPENAT, Hand.HERE, hand.path(0), flags, 0644);
    }

    private List<String> change(Step step) {
        return switch (step.verb()) {
            case OTHER_WRITE ->
                List.of(Task.callRequest(
                        Hand.PWRITE, OPENED, Hand.bytes(step.get(SEED)), step.get(LENGTH), step.get(OFFSET)));
            case OTHER_APPEND -> hand.append(OPENED, step.get(SEED), step.get(LENGTH));
            default -> List.of(Task.callRequest(Hand.FALLOCATE, OPENED, PUNCH, step.get(OFFSET), step.get(LENGTH)));
        };
    }
}
