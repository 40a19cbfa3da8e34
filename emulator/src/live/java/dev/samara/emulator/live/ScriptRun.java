// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.testing.judge.Task;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A script that one of the judges executes, and its results. */
final class ScriptRun {
    /**
     * The area for the arguments of spawned children. It is separate from those of all tasks, because a child may use
     * its arguments later.
     */
    private static final int OF_SPAWNED = 6;

    private static final int TRIES = 400;

    private static final String ENDED = "ended ";
    private static final String TOO_LONG = " since it took too long";

    /**
     * Starts at a random number, because segments of a run that was killed keep their keys until the machine restarts.
     */
    private static final AtomicInteger SEGMENT_KEYS = new AtomicInteger(new Random().nextInt(1, 1 << 30));

    private final Side side;
    private final Watch watch;
    private final int segmentKey = SEGMENT_KEYS.getAndIncrement();

    private final Task first;
    private final SeenNumbers seen;
    private final List<String> requests = new ArrayList<>();
    private final List<Consumer<String>> readers = new ArrayList<>();
    private final TaskRoutes routes = new TaskRoutes();

    /** The result of each step. */
    private final List<StringBuilder> told = new ArrayList<>();

    private final Map<Integer, BegunCall> begun = new HashMap<>();

    private boolean hasEnded;
    private boolean isOfSegments;
    private String ended = "";

    private ScriptRun(Side side, Watch watch) {
        this.side = side;
        this.watch = watch;
        first = side.judge().first();
        seen = new SeenNumbers(side.user());
    }

    /** WEXITED | WNOWAIT | __WALL. */
    private static final int ENDED_CHILD = 0x4100_0004;

    /** A call in another task, which may still be blocked. */
    private record BegunCall(Step.Call call, Placement placement) {}

    /** The results of a script, one line per step, and how its first process ended. */
    record Answers(List<String> steps, String end) {
        /** Returns whether the script hung and was therefore killed. */
        boolean isTooLong() {
            return end.endsWith(TOO_LONG);
        }
    }

    /**
     * Runs a side in its own thread. The sides wait for each other, and the common pool may not contain enough threads
     * for both.
     */
    static void start(Runnable side) {
        Thread thread = new Thread(side, "a side of a script");
        thread.setDaemon(true);
        thread.start();
    }

    /** Runs scripts, each in a new folder that has the same name on both sides. */
    static List<Answers> run(Side side, List<String> folders, List<List<Step>> scripts, Watch watch) {
        List<ScriptRun> runs = new ArrayList<>();
        List<String> requests = new ArrayList<>();
        for (int i = 0; i < scripts.size(); i++) {
            ScriptRun run = new ScriptRun(side, watch);
            run.begin(folders.get(i));
            run.make(scripts.get(i));
            run.end();
            runs.add(run);
            requests.addAll(run.requests);
        }
        // Writes and reads concurrently, because the capacity of a kernel's pipe is limited.
        CompletableFuture<Void> sent =
                CompletableFuture.runAsync(() -> side.judge().first().sendAll(requests), ScriptRun::start);
        List<Answers> answers = new ArrayList<>();
        try {
            for (ScriptRun run : runs) {
                run.read();
                answers.add(run.answers(run.ended));
            }
            sent.join();
        } catch (UncheckedIOException | CompletionException lost) {
            String why = watch.ended(side) ? TOO_LONG : ": " + lost.getMessage();
            answers.add(runs.get(answers.size()).answers("lost" + why));
        }
        return answers;
    }

    private Answers answers(String end) {
        return new Answers(told.stream().map(StringBuilder::toString).toList(), end);
    }

    private void make(List<Step> script) {
        isOfSegments =
                script.stream().anyMatch(each -> each instanceof Step.Call call && call.call() == JudgedCall.SHMGET);
        for (Step step : script) {
            StringBuilder to = new StringBuilder();
            told.add(to);
            make(step, to);
        }
    }

    private void begin(String folder) {
        Architecture on = side.architecture();
        ask("E", answer -> {
            long process = Long.parseLong(answer);
            seen.add(process, process);
            watch.begun(side, process, folder);
        });
        enter(on, folder);
    }

    private void enter(Architecture on, String folder) {
        Placement placement = new Placement(seen, 0);
        long name = placement.place(new Argument.Text(folder));
        placement.before().forEach(each -> ask(each, answer -> {}));
        ask(Task.callRequest(JudgedCall.MKDIRAT.number(on), -100, name, 0755), answer -> {});
        ask(Task.callRequest(JudgedCall.CHDIR.number(on), name), answer -> {
            if (!answer.equals("0")) {
                throw new IllegalStateException("chdir to " + folder + ": " + answer);
            }
        });
    }

    private void end() {
        ask("x 0", answer -> {
            throw new UncheckedIOException(new IOException("x answers " + answer));
        });
        ask("e", answer -> {});
        // Segments outlive their processes.
        for (int number = 0; isOfSegments && number < SegmentSentences.MOST; number++) {
            String call = Integer.toHexString(JudgedCall.SHMCTL.number(side.architecture()));
            requests.add("c " + call + " =" + number + " 0 0");
        }
    }

    private void ask(String request, Consumer<String> reader) {
        requests.add(request);
        readers.add(reader);
    }

    /** Reads the answers to all requests until the end of the script. */
    private void read() {
        for (Consumer<String> reader : readers) {
            if (hasEnded) {
                break;
            }
            String answer = first.answer();
            watch.answered(side);
            if (answer.startsWith(ENDED)) {
                hasEnded = true;
                ended = answer + (watch.ended(side) ? TOO_LONG : "");
                String ok = first.answer();
                if (!ok.equals("ok")) {
                    throw new UncheckedIOException(new IOException("e answers " + ok));
                }
                for (int number = 0; isOfSegments && number < SegmentSentences.MOST; number++) {
                    first.answer();
                }
            } else {
                reader.accept(answer);
            }
        }
    }

    private void make(Step step, StringBuilder to) {
        if (step.task() >= routes.count()) {
            to.append("no such task");
            return;
        }
        if (begun.containsKey(step.task()) && !(step instanceof Step.Await)) {
            to.append("busy");
            return;
        }
        String route = routes.route(step.task());
        Consumer<String> plain = to::append;
        if (step instanceof Step.Call call) {
            call(call, route, to);
        } else if (step instanceof Step.Await) {
            BegunCall call = begun.remove(step.task());
            if (call == null) {
                to.append("nothing to await");
                return;
            }
            long[] result = new long[1];
            ask(routes.nearest(step.task(), '<'), answer -> to.append(result(call.call(), answer, result)));
            tell(route, call.placement(), result, to);
        } else if (step instanceof Step.Make made) {
            routes.add(made.task(), made.isThread());
            ask(route + (made.isThread() ? "T" : "F"), answer -> added(made, answer, to));
            // An answer proves that the task is running, so that the script's next action does not hit the task while
            // it is being created.
            ask(routes.route(routes.count() - 1) + load(), answer -> {});
        } else if (step instanceof Step.Keep keep) {
            ask(route + "n " + keep.number(), plain);
        } else if (step instanceof Step.Spawn spawn) {
            spawn(spawn, route, to);
        } else if (step instanceof Step.Load load) {
            ask(
                    route + "l " + load.width() + " " + Long.toHexString(load.address()),
                    answer -> to.append(seen.word(answer)));
        } else if (step instanceof Step.Store store) {
            ask(
                    route + "s " + store.width() + " " + Long.toHexString(store.address()) + " "
                            + Long.toHexString(store.value()),
                    plain);
        }
    }

    private void added(Step.Make made, String answer, StringBuilder to) {
        int space = answer.indexOf(' ');
        if (space < 0 || answer.startsWith("gone")) {
            to.append(answer);
            seen.add(-1, -1);
            return;
        }
        long number = Long.parseLong(answer.substring(space + 1));
        seen.add(made.isThread() ? seen.processOf(made.task()) : number, number);
        to.append("task");
    }

    /** Formats a call for a request. */
    private String numbers(int task, Step.Call call, Placement placement) {
        StringBuilder numbers =
                new StringBuilder(Integer.toHexString(call.call().number(side.architecture())));
        for (Argument each : call.arguments()) {
            numbers.append(' ')
                    .append(
                            each instanceof Argument.TaskNumber named
                                    ? routes.number(task, named)
                                    : each instanceof Argument.Kept kept
                                            ? "=" + kept.number()
                                            : each instanceof Argument.SegmentKey
                                                    ? Integer.toHexString(segmentKey)
                                                    : Long.toHexString(placement.place(each)));
        }
        return numbers.toString();
    }

    /** Does not print what the child's call stored in memory, because the call may not have started. */
    private void spawn(Step.Spawn spawn, String route, StringBuilder to) {
        Placement placement = new Placement(seen, OF_SPAWNED);
        String numbers = numbers(spawn.task(), spawn.call(), placement);
        placement.before().forEach(each -> ask(route + each, answer -> {}));
        String words = Stream.of(spawn.flags(), spawn.words(), spawn.words() + 8, spawn.words() + 16)
                .map(Long::toHexString)
                .collect(Collectors.joining(" "));
        ask(route + "C " + (spawn.isClone3() ? "1 " : "0 ") + words + " " + numbers, answer -> {
            boolean isMade = answer.matches("[1-9][0-9]*");
            to.append(isMade ? seen.process(Long.parseLong(answer)) : answer);
        });
        ask(route + "n " + Step.Spawn.KEPT, answer -> {});
        awaitEnd(spawn.task());
    }

    /** Waits until a spawned child ended, but does not reap it, because the next step may depend on its end. */
    private void awaitEnd(int parent) {
        if (!begun.containsKey(parent)) {
            String wait = Integer.toHexString(JudgedCall.WAITID.number(side.architecture()));
            String options = Integer.toHexString(ENDED_CHILD);
            ask(routes.route(parent) + "c " + wait + " 1 =" + Step.Spawn.KEPT + " 0 " + options, answer -> {});
        }
    }

    private void call(Step.Call call, String route, StringBuilder to) {
        Placement placement = new Placement(seen, call.task());
        String numbers = numbers(call.task(), call, placement);
        placement.before().forEach(each -> ask(route + each, answer -> {}));
        String request = "c " + numbers;
        long[] result = new long[1];
        Consumer<String> reader = answer -> to.append(result(call, answer, result));
        switch (call.way()) {
            case PLAIN -> ask(route + request, reader);
            case BEGUN -> {
                if (call.task() == 0 || begun.containsKey(call.task())) {
                    to.append("cannot begin");
                    return;
                }
                ask(routes.nearest(call.task(), '>') + " " + request, to::append);
                begun.put(call.task(), new BegunCall(call, placement));
                return;
            }
            case REPEATED -> ask(route + "u " + Integer.toHexString(TRIES) + " " + numbers, reader);
        }
        tell(route, placement, result, to);
    }

    /** Replaces the numbers that each side chooses by names. */
    private String result(Step.Call call, String answer, long[] result) {
        try {
            result[0] = Long.parseLong(answer);
        } catch (NumberFormatException notANumber) {
            return answer;
        }
        if (result[0] < 0) {
            return answer;
        }
        return switch (call.call()) {
            case WAIT4 -> seen.process(result[0]);
            case SHMGET -> seen.segment(result[0]);
            case SHMAT -> call.arguments().get(1).equals(Vocabulary.n(0)) ? "address" : answer;
            // Not in place, and not where the script chose.
            case MREMAP -> call.arguments().contains(Vocabulary.n(result[0])) ? answer : "address";
            default -> answer;
        };
    }

    private String load() {
        return "l 1 " + Long.toHexString(side.judge().scratch());
    }

    /**
     * Prints what a call stored in memory, and clears that memory, because later calls may write more of it than they
     * were given.
     */
    private void tell(String route, Placement placement, long[] result, StringBuilder to) {
        for (Placement.Told each : placement.after()) {
            ask(
                    route + each.request(),
                    answer -> to.append(" | ").append(each.telling().tell(answer, result[0])));
        }
        if (placement.isUsed()) {
            ask(route + placement.clearing(), answer -> {});
        }
    }
}
