// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineStatistics;
import dev.samara.tool.top.WatchedMachine;
import dev.samara.tool.top.WatchedSpace;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs CPUs concurrently with threads that change the pages which the CPUs access, for a set time. The seed determines
 * the choices of each thread, but not the interleaving, so a seed that failed is likely, but not certain, to fail
 * again.
 *
 * <p>To add a group of threads, implement {@link Group}, add a line to the constructor, and add its rules to {@link
 * StormRules}.
 */
public final class Storm {
    private static final long MEMORY = 1 << 26;
    private static final long SECOND_NANOS = 1_000_000_000L;

    /**
     * The first measurement of a flat storm is made after its duration divided by this number, but after at most {@code
     * LONGEST_WARM_UP} seconds.
     */
    private static final int WARM_UP_PART = 5;

    private static final int LONGEST_WARM_UP = 120;

    /** The maximum number of seconds by which a storm is extended as long as a rule has not been checked yet. */
    private static final int LONGEST_GRACE = 120;

    /** The minimum number of accesses per second, which is a small part of the number on two processors. */
    private static final int LEAST_ACCESSES = 1000;

    private static final int LEAST_TARGETS = 5;

    /** The interval of object counts in seconds, and the maximum number of objects of a class. */
    private static final int COUNT_EVERY = 4;

    private static final int MOST_OBJECTS = 1500;

    private static final int COUNTS = 4;

    private final StormPlan plan;
    private final Course course;
    private final StormRules rules;
    private final Reports reports;
    private final Machine machine;
    private final Map<String, Group> groups = new LinkedHashMap<>();
    private final Census census = new Census();
    private final List<String> facts = new ArrayList<>();

    /**
     * Creates a storm, without starting it.
     *
     * @param plan the plan of the storm
     * @throws IllegalArgumentException if the plan contains an unknown group
     */
    public Storm(StormPlan plan) {
        this.plan = plan;
        course = new Course(plan.seed(), plan.keepsGoing());
        rules = new StormRules(course);
        reports = new Reports(course, rules.silent);
        MachineBuilder builder =
                description().memory(MEMORY).poisonFrames(true).cacheLimit(HostFileScenario.CACHE_LIMIT);
        if (plan.checked()) {
            builder.checked(true);
        }
        if (plan.isFlat()) {
            builder.trackReferences(true);
        }
        machine = builder.build();
        Scene scene = new Scene(machine, course, rules, new RandomPauses(plan.seed()));
        Map<String, Supplier<Group>> all = new LinkedHashMap<>();
        all.put("pages", () -> new PageChangeScenario(scene, plan.cpus(), plan.stopsCpu()));
        all.put("early-reuse", () -> new EarlyReuseScenario(scene));
        all.put("notices", () -> new WriteNoticeScenario(scene));
        all.put("closes", () -> new SpaceCloseScenario(scene));
        all.put("lends", () -> new BorrowScenario(scene));
        all.put("chains", () -> new ForkChainScenario(scene));
        all.put("files", () -> new HostFileScenario(scene));
        all.put("guest-calls", () -> new GuestCallScenario(scene, description()));
        Set<String> named = plan.groups().isEmpty() ? all.keySet() : plan.groups();
        if (!all.keySet().containsAll(named)) {
            throw new IllegalArgumentException("groups " + named + " are not all among " + all.keySet());
        }
        all.forEach((name, group) -> {
            if (named.contains(name)) {
                groups.put(name, group.get());
            }
        });
    }

    /** Returns the builder of a machine that reports each long wait early enough for the watchdog's message. */
    private MachineBuilder description() {
        Duration late = plan.patience().dividedBy(4);
        return Machine.builder()
                .reportTo(reports)
                .lazyTlb(plan.lazy())
                .reportWaitsLongerThan(late)
                .reportShootdownsLongerThan(late)
                .reportGracePeriodsLongerThan(late);
    }

    /**
     * The counts of a storm so far.
     *
     * @param accesses the number of accesses
     * @param overlaps the number of accesses that overlapped a change of their page
     * @param changes the number of calls that removed or restored pages or rights
     * @param shootdowns the number of shootdowns that waited for CPUs
     * @param targets the total number of CPUs for which they waited
     */
    public record Counts(long accesses, long overlaps, long changes, long shootdowns, long targets) {}

    /** Called each second. */
    @FunctionalInterface
    public interface Listener {
        /**
         * Receives the counts.
         *
         * @param counts the counts since the start
         */
        void counted(Counts counts);
    }

    /**
     * Runs the storm. Must be called only once.
     *
     * @param listener called each second by the calling thread
     * @return the result
     * @throws InterruptedException if the calling thread is interrupted
     */
    public StormVerdict run(Listener listener) throws InterruptedException {
        int seconds = plan.seconds();
        if (plan.isFlat()) {
            int warmUp = Math.max(1, Math.min(seconds / WARM_UP_PART, LONGEST_WARM_UP));
            act(warmUp, listener);
            ResourceUsage first = measure("start");
            act(seconds - warmUp, listener);
            ResourceUsage last = measure("end");
            if (first != null && last != null) {
                if (last.isAsFlatAs(first)) {
                    rules.flat.held();
                } else {
                    rules.flat.broken(first.line() + " at the start, " + last.line() + " at the end");
                }
            }
        } else {
            act(seconds, listener);
        }
        if (!course.isBroken()) {
            judgeStrength();
            close();
        }
        if (plan.checked()) {
            rules.hardware.held(machine.statistics().checkedAccesses());
        }
        return verdict();
    }

    /**
     * Runs all threads for a number of seconds. When this returns, all threads have ended and the groups' state is
     * restored, unless a rule was broken.
     */
    private void act(int seconds, Listener listener) throws InterruptedException {
        if (course.isBroken()) {
            return;
        }
        course.resume();
        Crew crew = new Crew(course, rules);
        groups.values().forEach(group -> group.join(crew));
        try (Watchdog watchdog = new Watchdog(course, crew, reports, rules.progress, plan.patience())) {
            crew.start();
            watchdog.start();
            await(seconds, listener);
            course.end();
            if (crew.awaitEnd() && !course.isBroken()) {
                groups.values().forEach(Group::rest);
                if (census.isPossible()) {
                    count();
                }
            }
        }
    }

    private void await(int seconds, Listener listener) throws InterruptedException {
        long begin = System.nanoTime();
        for (int second = 1; !course.isOver(); second++) {
            if (second > seconds && (second > seconds + LONGEST_GRACE || isEachRuleChecked())) {
                return;
            }
            long until = begin + second * SECOND_NANOS;
            while (System.nanoTime() - until < 0 && !course.isOver()) {
                LockSupport.parkNanos(SECOND_NANOS / 20);
                if (Thread.interrupted()) {
                    course.end();
                    throw new InterruptedException();
                }
            }
            listener.counted(counts());
            if (second % COUNT_EVERY == 0 && census.isPossible()) {
                count();
            }
        }
    }

    /**
     * Returns whether each rule has been checked, except the rules that are checked at the end, and whether the storm
     * made enough accesses.
     */
    private boolean isEachRuleChecked() {
        // The watchdog checks once per second, which in a short storm may be for the first time after its last second.
        return rules.progress.isChecked()
                && groups.values().stream()
                        .flatMap(group -> group.rules().stream())
                        .allMatch(rule -> rule == rules.strength ? isStrong() : rule == rules.sums || rule.isChecked());
    }

    /**
     * Counts the objects of the library. If there are too many, repeats the count, because threads may still be using
     * some of them.
     */
    private void count() {
        String excess = excess();
        for (int n = 1; n < COUNTS && excess != null; n++) {
            LockSupport.parkNanos(SECOND_NANOS / 10);
            excess = excess();
        }
        if (excess == null) {
            rules.garbage.held();
        } else {
            rules.garbage.broken(excess);
        }
    }

    private @Nullable String excess() {
        return census.take().entrySet().stream()
                .filter(entry -> entry.getValue() > MOST_OBJECTS)
                .map(entry -> "there are " + entry.getValue() + " objects of " + entry.getKey())
                .findFirst()
                .orElse(null);
    }

    private @Nullable ResourceUsage measure(String when) throws InterruptedException {
        if (course.isBroken()) {
            return null;
        }
        ResourceUsage usage = ResourceUsage.of(machine, spaces(), opens());
        facts.add("at the " + when + ": " + usage.line());
        return usage;
    }

    private List<AddressSpace> spaces() {
        return groups.values().stream()
                .flatMap(group -> group.spaces().stream())
                .toList();
    }

    private long opens() {
        return groups.values().stream().mapToLong(Group::opens).sum();
    }

    /**
     * Returns the counts so far.
     *
     * @return the counts since the start
     */
    public Counts counts() {
        MachineStatistics of = machine.statistics();
        return new Counts(
                rules.accesses.sum(),
                rules.overlaps.sum(),
                rules.changes.sum(),
                of.shootdowns(),
                of.shootdownTargets());
    }

    /**
     * Returns the machines of this storm for a view. Closing the view does not close them.
     *
     * @return the machine of the storm with the spaces of its groups, and the machines that only one group uses
     */
    public List<WatchedMachine> watched() {
        WatchedMachine common = new WatchedMachine("storm", MEMORY, PageModel.PAGE);
        common.begin(machine, this::listed);
        List<WatchedMachine> watched = new ArrayList<>(List.of(common));
        groups.forEach((name, group) -> watched.addAll(group.watched(name)));
        return watched;
    }

    private List<WatchedSpace> listed() {
        List<WatchedSpace> listed = new ArrayList<>();
        groups.forEach((name, group) -> group.spaces().forEach(space -> listed.add(new WatchedSpace(name, space))));
        return listed;
    }

    private boolean isStrong() {
        Counts met = counts();
        int seconds = plan.seconds();
        return met.accesses() >= (long) LEAST_ACCESSES * seconds
                && met.targets() >= (long) LEAST_TARGETS * seconds
                && met.overlaps() >= seconds
                && (!plan.checked() || machine.statistics().staleAccesses() >= seconds);
    }

    private void judgeStrength() {
        if (isStrong()) {
            rules.strength.held();
        } else {
            rules.strength.broken("only " + counts());
        }
    }

    private void close() throws InterruptedException {
        for (AddressSpace space : spaces()) {
            space.validate();
            space.close();
        }
        for (Group group : groups.values()) {
            group.end();
        }
        machine.awaitQuiescence();
        long frames = machine.statistics().framesInUse();
        long opens = opens();
        if (frames == 0 && machine.committed() == 0 && opens == 0) {
            rules.left.held();
        } else {
            rules.left.broken(frames + " frames are in use, " + machine.committed() + " bytes are promised, " + opens
                    + " opens are not closed");
        }
    }

    private StormVerdict verdict() {
        return new StormVerdict(rules().stream().map(Invariant::result).toList(), List.copyOf(facts));
    }

    /** Returns the rules of this storm, broken rules first. */
    private List<Invariant> rules() {
        List<Invariant> listed = new ArrayList<>();
        if (plan.checked() || rules.hardware.isBroken()) {
            listed.add(rules.hardware);
        }
        groups.values().forEach(group -> listed.addAll(group.rules()));
        listed.add(rules.progress);
        if (rules.silent.isBroken()) {
            listed.add(rules.silent);
        }
        if (census.isPossible()) {
            listed.add(rules.garbage);
        }
        if (plan.isFlat()) {
            listed.add(rules.flat);
        }
        listed.add(rules.ended);
        listed.add(rules.left);
        // The sort is stable.
        listed.sort(Comparator.comparing(rule -> !rule.isBroken()));
        return listed;
    }
}
