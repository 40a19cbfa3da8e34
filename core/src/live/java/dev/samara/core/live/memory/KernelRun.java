// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.testing.judge.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** Executes scripts on the kernel. */
final class KernelRun {
    private static final int BATCH = 24;
    private static final int SEGMENTS = 2;
    private static final int CREATE = 01600;
    private static final int REMOVE = 0;

    private final KernelWorld world;
    private final Script script;
    private final LayoutText text;
    private final TreeMap<Integer, Task> processes = new TreeMap<>();
    private final List<Long> segments = new ArrayList<>();
    private final List<Outcome> outcomes = new ArrayList<>();

    private int next = 1;
    private final List<String> requests = new ArrayList<>();
    private final List<Pending> pending = new ArrayList<>();

    /** An operation whose answers were not read yet. */
    private record Pending(Operation operation, KernelCall call, List<Integer> alive) {}

    private KernelRun(KernelWorld world, Script script) {
        this.world = world;
        this.script = script;
        text = new LayoutText(world.base());
    }

    /**
     * Returns the outcomes of a script's operations, up to an operation that the script's processes did not survive.
     */
    static List<Outcome> run(KernelWorld world, Script script) {
        KernelRun run = new KernelRun(world, script);
        Task first = world.fork();
        run.processes.put(0, first);
        try {
            run.start(first);
            run.perform();
        } finally {
            run.end();
        }
        return run.outcomes;
    }

    private void start(Task first) {
        first.askAll(world.files());
        for (int i = 0; i < SEGMENTS; i++) {
            segments.add(first.call(Kernel.SHMGET, 0, LibraryRun.segmentSize(i), CREATE));
        }
    }

    private void perform() {
        for (Operation operation : script.operations()) {
            Task task = processes.get(operation.process());
            if (task == null) {
                flush();
                outcomes.add(new Outcome("no process", List.of()));
                continue;
            }
            switch (operation.verb()) {
                case FORK -> {
                    flush();
                    processes.put(next++, task.fork());
                    add(operation, KernelCall.NOTHING);
                }
                case EXIT -> {
                    flush();
                    if (operation.process() != 0) {
                        processes.remove(operation.process()).kill();
                    }
                    add(operation, KernelCall.NOTHING);
                }
                default -> add(operation, KernelCall.of(operation, world, segments));
            }
            if (pending.size() >= BATCH) {
                flush();
            }
        }
        flush();
    }

    private void add(Operation operation, KernelCall call) {
        Task task = processes.get(operation.process());
        if (task != null) {
            call.requests().forEach(request -> requests.add(task.routed(request)));
        }
        String layout =
                Task.layoutRequest(Range.start(world), Range.end(world), script.watch(), world.base(), world.end());
        processes.values().forEach(process -> requests.add(process.routed(layout)));
        pending.add(new Pending(operation, call, List.copyOf(processes.keySet())));
    }

    private void flush() {
        List<String> answers = world.judge().first().askAll(requests);
        int at = 0;
        for (Pending each : pending) {
            int count = each.call().requests().size();
            List<String> own = answers.subList(at, at + count);
            at += count;
            List<String> states = new ArrayList<>();
            for (Integer process : each.alive()) {
                states.add(state(process, answers.get(at++)));
            }
            outcomes.add(new Outcome(each.call().result(each.operation(), own, world.base()), states));
        }
        requests.clear();
        pending.clear();
    }

    /** Returns the text of a judge's answer. */
    private String state(int process, String answer) {
        String[] parts = answer.split(";", -1);
        StringBuilder state = new StringBuilder("process " + process + "\n");
        if (parts.length != 3) {
            return state.append(answer).toString();
        }
        for (String mapping : parts[0].split("\\|", -1)) {
            if (!mapping.isEmpty()) {
                int tab = mapping.indexOf('\t');
                Area area = Area.of(mapping.substring(0, tab), mapping.substring(tab + 1));
                boolean isKnown = world.isWithin(area.start(), area.end());
                String flags = isKnown
                        ? area.flags()
                        : area.flags().substring(area.flags().indexOf('\t') + 1);
                state.append(text.mapping(area.line(), Exceptions.flags(flags, world.mapsZeroPage())));
            }
        }
        runs(state.append("in memory "), parts[1]);
        runs(state.append("\ncontents "), parts[2]);
        return state.toString();
    }

    private void runs(StringBuilder state, String runs) {
        for (String run : runs.split(" ", -1)) {
            if (!run.isEmpty()) {
                int plus = run.indexOf('+');
                int equals = run.indexOf('=');
                long start = Long.parseUnsignedLong(run.substring(0, plus), 16);
                long pages = Long.parseUnsignedLong(run.substring(plus + 1, equals), 16);
                state.append(text.run(start, pages, run.substring(equals + 1)));
            }
        }
    }

    private void end() {
        // In descending order, because only its parent knows a child.
        processes.descendingMap().values().forEach(Task::kill);
        segments.forEach(segment -> world.judge().first().call(Kernel.SHMCTL, segment, REMOVE, 0));
    }
}
