// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.testing.judge.Task;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A script that one of the judges executes, and its results. */
final class ScriptRun {
    /** The calls that send a signal, which a thread of the caller's process may have to take. */
    private static final Set<JudgedCall> SENDING = EnumSet.of(
            JudgedCall.KILL,
            JudgedCall.TKILL,
            JudgedCall.TGKILL,
            JudgedCall.RT_SIGQUEUEINFO,
            JudgedCall.RT_TGSIGQUEUEINFO,
            JudgedCall.PIDFD_SEND_SIGNAL);

    /**
     * The area for the arguments of spawned children. It is separate from those of all tasks, because a child may use
     * its arguments later.
     */
    private static final int OF_SPAWNED = 6;

    private static final int TRIES = 400;

    /** More reads than a folder of a script can have entries. */
    private static final int READS = 30;

    private static final String INSIDE = "in";
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
    private final ChildEnds childEnds = new ChildEnds(routes);
    private boolean hasEnded;
    private boolean isOfSegments;
    private String ended = "";

    private ScriptRun(Side side, Watch watch) {
        this.side = side;
        this.watch = watch;
        first = side.judge().first();
        seen = new SeenNumbers(side.architecture(), side.user(), side.base());
    }

    /** CLONE_PARENT. */
    private static final long OF_PARENT = 0x8000;

    /** WEXITED | WNOWAIT | __WALL. */
    private static final int ENDED_CHILD = 0x4100_0004;

    private static final int NO_HANG = 1;

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
            childEnds.note(step);
        }
    }

    private void begin(String folder) {
        Architecture on = side.architecture();
        ask("E", answer -> {
            long process = Long.parseLong(answer);
            seen.add(process, process);
            watch.begun(side, process, folder);
        });
        // The two folders above also belong to the script, because it may create links to them.
        for (String each : new String[] {folder, INSIDE, INSIDE}) {
            enter(on, each);
        }
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
        StringBuilder last = new StringBuilder();
        told.add(last);
        for (int descriptor = 0; descriptor < 12; descriptor++) {
            look("", descriptor, last);
        }
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
            ask(
                    routes.nearest(step.task(), '<'),
                    answer -> to.append(CallAnswer.told(call.call(), answer, result, seen)));
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
        } else if (step instanceof Step.Handle handle) {
            ask(
                    route + "h " + Integer.toHexString(handle.signal()) + " " + Long.toHexString(handle.flags()) + " "
                            + Long.toHexString(handle.mask()),
                    plain);
        } else if (step instanceof Step.Noted) {
            ask(route + "g", answer -> to.append(seen.signals(answer)));
        } else if (step instanceof Step.Registers registers) {
            ask(route + "r " + Long.toHexString(registers.value()), plain);
        } else if (step instanceof Step.Load load) {
            ask(
                    route + "l " + load.width() + " " + Long.toHexString(load.address()),
                    answer -> to.append(seen.word(answer)));
        } else if (step instanceof Step.Entries entries) {
            entries(entries, route, to);
        } else if (step instanceof Step.Store store) {
            ask(
                    route + "s " + store.width() + " " + Long.toHexString(store.address()) + " "
                            + Long.toHexString(store.value()),
                    plain);
        }
    }

    /** Reads all entries. Each file system has its own order, so entries are compared in the order of their names. */
    private void entries(Step.Entries all, String route, StringBuilder to) {
        Architecture on = side.architecture();
        String rewind = route + Task.callRequest(JudgedCall.LSEEK.number(on), all.descriptor(), 0, 0);
        long at = new Placement(seen, all.task()).place(new Argument.Out(Structure.DIRENTS));
        String read = Task.callRequest(JudgedCall.GETDENTS64.number(on), all.descriptor(), at, all.bytes());
        String dump = "d " + Long.toHexString(at) + " " + Integer.toHexString(all.bytes());
        String[] last = new String[1];
        List<String> found = new ArrayList<>();
        ask(rewind, answer -> {});
        for (int i = 0; i < READS; i++) {
            ask(route + read, answer -> last[0] = answer);
            ask(route + dump, answer -> found.addAll(Placement.entries(last[0], answer)));
        }
        ask(
                rewind,
                answer ->
                        to.append(last[0].equals("0") ? found.stream().sorted().toList() : last[0]));
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
        boolean isOfParent = (spawn.flags() & OF_PARENT) != 0;
        awaitEnd(isOfParent ? routes.parent(spawn.task()) : spawn.task());
    }

    /** Waits until a spawned child ended, but does not reap it, because the next step may depend on its end. */
    private void awaitEnd(int parent) {
        if (parent != TaskRoutes.NO_PARENT && !begun.containsKey(parent)) {
            String wait = Integer.toHexString(JudgedCall.WAITID.number(side.architecture()));
            String options = Integer.toHexString(ENDED_CHILD);
            ask(routes.route(parent) + "c " + wait + " 1 =" + Step.Spawn.KEPT + " 0 " + options, answer -> {});
            // The parent's threads must take the signal of the child's end.
            awaitThreads(parent);
        }
    }

    private void call(Step.Call call, String route, StringBuilder to) {
        Placement placement = new Placement(seen, call.task());
        String numbers = numbers(call.task(), call, placement);
        placement.before().forEach(each -> ask(route + each, answer -> {}));
        String request = "c " + numbers;
        long[] result = new long[1];
        Consumer<String> reader = answer -> to.append(CallAnswer.told(call, answer, result, seen));
        switch (call.way()) {
            case PLAIN -> {
                ask(route + request, reader);
                if (SENDING.contains(call.call())) {
                    childEnds.after(call).forEach((child, most) -> awaitEnd(call.task(), child, most));
                    awaitThreads(call.task());
                }
            }
            case TIMED -> timed(route, request, reader);
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
        if (CallAnswer.showsDescriptor(call.call()) && call.arguments().get(0) instanceof Argument.Numeric number) {
            look(route, number.value(), to);
            if (call.call() == JudgedCall.SENDFILE && call.arguments().get(1) instanceof Argument.Numeric source) {
                look(route, source.value(), to);
            }
        }
    }

    /**
     * Waits until a child is a zombie, for at most {@code most} milliseconds, and does not reap it. The address for its
     * usage is unmapped, so the call returns 0 while the child is running, and EFAULT or ECHILD afterwards.
     */
    private void awaitEnd(int parent, int child, int most) {
        String wait = Integer.toHexString(JudgedCall.WAITID.number(side.architecture()));
        String number = routes.number(parent, new Argument.TaskNumber(false, child, false));
        String options = Integer.toHexString(ENDED_CHILD | NO_HANG);
        ask(
                routes.route(parent) + "u " + Integer.toHexString(most) + " " + wait + " 1 " + number + " 0 " + options
                        + " 1",
                answer -> {});
    }

    /**
     * Sends a request to each thread of a task's process: a thread that answers took the signals that were sent to it.
     */
    private void awaitThreads(int task) {
        for (int each : routes.beside(task)) {
            if (!begun.containsKey(each)) {
                ask(routes.route(each) + load(), answer -> {});
            }
        }
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

    private void timed(String route, String request, Consumer<String> reader) {
        long timer = Placement.ARGUMENTS + Placement.ARGUMENT_BYTES - 128;
        String set = Task.callRequest(JudgedCall.SETITIMER.number(side.architecture()), 0, timer, 0);
        String unset = Task.callRequest(JudgedCall.SETITIMER.number(side.architecture()), 0, timer + 32, 0);
        ask(route + "h e 0 0", answer -> {});
        String half = "0000000000000000204e000000000000";
        ask(route + "p " + Long.toHexString(timer) + " " + half + half + "00".repeat(32), answer -> {});
        ask(route + set, answer -> {});
        ask(route + request, reader);
        ask(route + unset, answer -> {});
        ask(route + "g", answer -> {});
    }

    /** Inspects a descriptor: its position, flags, and file. */
    private void look(String route, long descriptor, StringBuilder to) {
        Architecture on = side.architecture();
        long status = Placement.ARGUMENTS + Placement.ARGUMENT_BYTES - 1024;
        String[] position = new String[1];
        ask(route + Task.callRequest(JudgedCall.LSEEK.number(on), descriptor, 0, 1), answer -> position[0] = answer);
        ask(
                route + Task.callRequest(JudgedCall.FCNTL.number(on), descriptor, 3),
                answer ->
                        to.append(" | fd ").append(descriptor).append(" flags ").append(octal(answer)));
        ask(
                route + Task.callRequest(JudgedCall.FCNTL.number(on), descriptor, 1),
                answer -> to.append(" ends ").append(answer));
        ask(route + "m " + Long.toHexString(status) + " 90 11", answer -> {});
        ask(
                route + Task.callRequest(JudgedCall.FSTAT.number(on), descriptor, status),
                answer -> to.append(answer.equals("0") ? "" : " stat " + answer));
        ask(route + "d " + Long.toHexString(status) + " 90", answer -> {
            String found = Placement.structure(Structure.STAT, answer, 0, seen);
            boolean isFolder = found.startsWith("mode 4");
            to.append(" at ").append(isFolder ? "any" : position[0]).append(' ').append(found);
        });
        ask(route + "m " + Long.toHexString(status) + " 90 0", answer -> {});
    }

    private static String octal(String answer) {
        return answer.matches("[0-9]+") ? Long.toOctalString(Long.parseLong(answer)) : answer;
    }
}
