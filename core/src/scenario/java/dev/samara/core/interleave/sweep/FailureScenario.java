// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.interleave.failure.FailurePoints;
import dev.samara.interleave.schedule.Scenario;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One or more operations, with one injected failure. The results must be true: an operation that returned took effect,
 * and one that was rejected or threw changed nothing, unless its {@link FailureKinds.Rule} permits otherwise.
 * Afterwards the operations must succeed, and closing everything must leave nothing.
 */
final class FailureScenario implements Scenario {
    /** Where further operations run at the end, away from the addresses of all other operations. */
    private static final long NEXT = SpaceScenario.AT + 64 * SpaceScenario.PAGE;

    /** The suffix of names whose layout is divided when the operations start, so that some of them join it. */
    static final String DIVIDED = "/divided";

    /**
     * By scenario, the outcomes of all orders of each subset of its operations. One map for the scenarios that one
     * class loader loaded.
     */
    private static final Map<String, Set<Outcome>> OUTCOMES = Collections.synchronizedMap(new LinkedHashMap<>());

    /**
     * The outcome of some of the operations.
     *
     * @param results the results of the operations that ran, by name
     */
    private record Outcome(Map<String, String> results, String layout, List<String> pages) {}

    private final String name;
    private final boolean isDivided;
    private final Map<String, FailureKinds.Kind> kinds = new LinkedHashMap<>();

    /** The results of the operations that returned one. */
    private final Map<String, String> results = new TreeMap<>();

    /** The failures of the other operations. */
    private final Map<String, String> failures = new TreeMap<>();

    private final List<Cpu> used = new ArrayList<>();

    /** The CPUs whose threads ended. */
    private final List<Cpu> ended = new ArrayList<>();

    private boolean isQuiet;
    private @Nullable FailureScene scene;

    /**
     * Creates the scenario of a name: one kind, or several kinds with plus signs between them, and possibly {@link
     * #DIVIDED} at the end.
     */
    FailureScenario(String name) {
        this.name = name;
        isDivided = name.endsWith(DIVIDED);
        int end = isDivided ? name.length() - DIVIDED.length() : name.length();
        String[] parts = name.substring(0, end).split("\\+", -1);
        for (int i = 0; i < parts.length; i++) {
            kinds.put((i + 1) + "-" + parts[i], FailureKinds.of(parts[i]));
        }
    }

    private FailureScene scene() {
        return Objects.requireNonNull(scene, "before the beginning");
    }

    @Override
    public void begin() {
        FailurePoints.begin();
        if (!OUTCOMES.containsKey(name)) {
            Set<Outcome> outcomes = new LinkedHashSet<>();
            permute(new ArrayList<>(kinds.keySet()), 0, outcomes);
            OUTCOMES.put(name, outcomes);
        }
        scene = new FailureScene(kinds.values());
    }

    /** Adds the outcomes of all orders of all subsets that start with the first {@code from} names of the list. */
    private void permute(List<String> names, int from, Set<Outcome> outcomes) {
        FailureScene alone = new FailureScene(kinds.values());
        Map<String, String> found = new TreeMap<>();
        // As in a run, each operation's CPU is in the space, so the space does not end before the last operation.
        Map<String, Cpu> cpus = new LinkedHashMap<>();
        for (String made : names.subList(0, from)) {
            Cpu cpu = alone.state.machine.claimCpu();
            cpus.put(made, cpu);
            cpu.switchTo(alone.state.space);
            if (!kind(made).isInGuest()) {
                kind(made).before(alone, cpu);
            }
        }
        cpus.forEach((made, cpu) -> {
            FailureKinds.Kind kind = kind(made);
            if (kind.isInGuest()) {
                // Not earlier, because the operations before this one would wait for this CPU.
                kind.before(alone, cpu);
            }
            found.put(made, kind.run(alone, made, cpu));
            Thread.interrupted();
            alone.rest(cpu);
        });
        cpus.values().forEach(Cpu::close);
        outcomes.add(outcome(alone, found));
        for (int i = from; i < names.size(); i++) {
            Collections.swap(names, from, i);
            permute(names, from + 1, outcomes);
            Collections.swap(names, from, i);
        }
    }

    private FailureKinds.Kind kind(String label) {
        return Objects.requireNonNull(kinds.get(label), label);
    }

    @Override
    public Map<String, Body> operations() {
        Map<String, Body> bodies = new LinkedHashMap<>();
        kinds.forEach((label, kind) -> {
            Body body = new Caller(label, kind);
            bodies.put(label, kind.ends() ? new EndingThread(label + "-ends", body) : body);
        });
        return bodies;
    }

    /** Runs an operation with its own CPU. */
    private final class Caller implements Body {
        private final String label;
        private final FailureKinds.Kind kind;
        private @Nullable Cpu claimed;

        Caller(String label, FailureKinds.Kind kind) {
            this.label = label;
            this.kind = kind;
        }

        private Cpu cpu() {
            return Objects.requireNonNull(claimed, "no CPU");
        }

        @Override
        public void before() {
            claimed = scene().state.machine.claimCpu();
            cpu().switchTo(scene().state.space);
            kind.before(scene(), cpu());
            // A thread whose CPU is in GUEST acquires no lock of a space.
            if (isDivided && !kind.isInGuest()) {
                scene().divide();
            }
            scene().state.standStill.add(cpu());
        }

        @Override
        public void run() {
            FailurePoints.arm();
            try {
                told(label, kind.run(scene(), label, cpu()));
            } catch (Throwable thrown) {
                if (!FailurePoints.isCauseOf(thrown)) {
                    throw thrown;
                }
                failures.put(label, thrown.getClass().getSimpleName());
            } finally {
                FailurePoints.disarm();
                if (kind.ends()) {
                    scene().state.standStill.remove(cpu());
                    ended.add(cpu());
                } else {
                    // A CPU that stays in GUEST because its operation failed would block the other operation.
                    scene().rest(cpu());
                }
            }
            boolean isInterrupted = Thread.interrupted();
            if (FailurePoints.hasInterrupted() && !isInterrupted) {
                throw new AssertionError("the interrupt is lost");
            }
        }

        @Override
        public void after() {
            if (!isQuiet) {
                isQuiet = true;
                scene().state.standStill.judgeQuiet(scene().state.space);
            }
            scene().state.standStill.remove(cpu());
            scene().rest(cpu());
            // The CPU is closed only later, and the next operations must not wait for it.
            cpu().handOver();
            used.add(cpu());
        }
    }

    private void told(String label, String result) {
        boolean isInterrupt = Thread.currentThread().isInterrupted() && isInterrupted(result);
        if (isInterrupt || (FailurePoints.mayRefuse() && isRefusal(result))) {
            failures.put(label, result);
        } else {
            results.put(label, result);
        }
    }

    private static boolean isInterrupted(String result) {
        return result.equals(Long.toString(Errno.EINTR.result())) || result.equals(Errno.EINTR.name());
    }

    private static boolean isRefusal(String result) {
        return result.equals(Long.toString(Errno.ENOMEM.result()))
                || result.equals(Long.toString(Errno.EAGAIN.result()))
                || result.equals(Errno.ENOMEM.name())
                || result.equals(Errno.EAGAIN.name())
                // From a backing that throws when it is asked to save.
                || result.equals(Long.toString(Errno.EIO.result()))
                || result.equals(Errno.EIO.name())
                || result.equals(Fault.toString(Fault.OUT_OF_MEMORY))
                || result.equals(Fault.toString(Fault.ADRERR));
    }

    @Override
    public void beforeWait(String site) {
        FailurePoints.beforeWait(site);
    }

    @Override
    public long time(long now) {
        return FailurePoints.time(now);
    }

    @Override
    public void judgeStep() {
        scene().state.standStill.judge();
    }

    @Override
    public void end() throws Exception {
        scene().freeOther();
        Outcome outcome = outcome(scene(), results);
        Set<Outcome> possible = Objects.requireNonNull(OUTCOMES.get(name));
        if (!isPossible(outcome, possible)) {
            throw new AssertionError("told " + results + " and " + failures + ", which leads not to\n" + outcome
                    + "\nbut to one of\n" + possible);
        }
        next();
        for (Cpu cpu : used) {
            cpu.claim();
            cpu.close();
        }
        for (Cpu cpu : ended) {
            requireThrows(cpu::claim, cpu + " of an ended thread is claimed");
        }
        scene().close();
        if (!FailurePoints.mayReport() && !scene().state.reports.isEmpty()) {
            throw new AssertionError(scene().state.reports.toString());
        }
    }

    /**
     * Returns whether each page is that of some order of the operations that reported success, and of those that may
     * have taken effect although they failed.
     */
    private boolean isPossible(Outcome outcome, Set<Outcome> possible) {
        List<Outcome> like = possible.stream()
                .filter(order -> order.layout().equals(outcome.layout()) && isTold(order))
                .toList();
        for (int i = 0; i < outcome.pages().size(); i++) {
            int page = i;
            if (like.stream()
                    .noneMatch(order ->
                            order.pages().get(page).equals(outcome.pages().get(page)))) {
                return false;
            }
        }
        return !like.isEmpty();
    }

    private boolean isTold(Outcome order) {
        return kinds.keySet().stream().allMatch(label -> {
            String done = order.results().get(label);
            String told = results.get(label);
            return told != null
                    ? told.equals(done)
                    : done == null || kind(label).mayBeDone(failures.get(label));
        });
    }

    private static Outcome outcome(FailureScene of, Map<String, String> results) {
        StringBuilder layout = new StringBuilder();
        List<String> pages = new ArrayList<>();
        of.contents(layout, pages);
        return new Outcome(Map.copyOf(results), layout.toString(), pages);
    }

    /** Checks that the next operations work: the same ones, and some others, at other addresses and in a new space. */
    private void next() {
        AddressSpace fresh = scene().state.machine.newSpace(SpaceScenario.LINUX);
        scene().state.children.put("fresh", fresh);
        for (AddressSpace space : hasNoPages() ? List.of(fresh) : List.of(scene().state.space, fresh)) {
            long length = 2 * SpaceScenario.PAGE;
            require(space.mmap(NEXT, length, SpaceScenario.RW, SpaceScenario.FIXED, null, 0) == NEXT, "mmap");
            try (Cpu cpu = scene().state.machine.claimCpu()) {
                cpu.switchTo(space);
                require(SpaceScenario.store(cpu, NEXT, 5).equals("stored"), "store");
                AddressSpace child = space.fork();
                require(SpaceScenario.store(cpu, NEXT, 6).equals("stored"), "store");
                cpu.switchTo(child);
                require(SpaceScenario.load(cpu, NEXT).equals("5"), "load in the child");
                cpu.switchTo(space);
                child.close();
                require(SpaceScenario.load(cpu, NEXT).equals("6"), "load");
            }
            require(space.munmap(NEXT, length) == 0, "munmap");
        }
        boolean isRepeated = kinds.values().stream().noneMatch(kind -> kind.needs() == FailureKinds.Needs.FRAMES);
        if (!scene().isClosed() && kinds.size() == 1 && isRepeated) {
            again();
        }
        if (!scene().isClosed()) {
            require(scene().state.space.munmap(SpaceScenario.AT, 8 * SpaceScenario.PAGE) == 0, "munmap of all");
        }
    }

    /** Returns whether the space gets no private pages any more. */
    private boolean hasNoPages() {
        return scene().isClosed()
                || MachineInternals.layoutOf(scene().state.space).isUnstable();
    }

    private void again() {
        try (Cpu cpu = scene().state.machine.claimCpu()) {
            for (Map.Entry<String, FailureKinds.Kind> call : kinds.entrySet()) {
                if (!scene().isClosed()) {
                    cpu.switchTo(scene().state.space);
                    call.getValue().before(scene(), cpu);
                    String result = call.getValue().run(scene(), call.getKey() + " again", cpu);
                    require(!isRefusal(result), call.getKey() + " again: " + result);
                    Thread.interrupted();
                    scene().rest(cpu);
                }
            }
        } catch (MmException refused) {
            throw new AssertionError("again", refused);
        }
    }

    private static void requireThrows(Runnable call, String what) {
        try {
            call.run();
        } catch (IllegalStateException refused) {
            return;
        }
        throw new AssertionError("after the failure: " + what);
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("after the failure: " + what);
        }
    }
}
