// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineStatistics;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.jspecify.annotations.Nullable;

/**
 * Runs CPUs concurrently with threads that change the pages which the CPUs access, for a set time. The seed determines
 * the choices of each thread, but not the interleaving, so a seed that failed is likely, but not certain, to fail
 * again.
 *
 * <p>To add a group of threads, implement {@link Group}, add its name and a line below, and add its rules to {@link
 * StormRules}.
 */
final class Storm {
    /** The names of the groups, in the order in which they are started and reported. */
    static final List<String> GROUPS =
            List.of("pages", "early-reuse", "notices", "closes", "lends", "chains", "files", "guest-calls");

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
    private final List<Group> groups = new ArrayList<>();
    private final Census census = new Census();
    private final List<String> facts = new ArrayList<>();

    /**
     * Creates a storm, without starting it.
     *
     * @param plan the plan of the storm
     * @throws IllegalArgumentException if the plan contains an unknown group
     */
    Storm(StormPlan plan) {
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
        Set<String> named = plan.groups().isEmpty() ? Set.copyOf(GROUPS) : plan.groups();
        if (!GROUPS.containsAll(named)) {
            throw new IllegalArgumentException("groups " + named + " are not all among " + GROUPS);
        }
        GROUPS.stream().filter(named::contains).forEach(name -> groups.add(group(name, scene)));
    }

    private Group group(String name, Scene scene) {
        return switch (name) {
            case "pages" -> new PageChangeScenario(scene, plan.cpus(), plan.stopsCpu());
            case "early-reuse" -> new EarlyReuseScenario(scene);
            case "notices" -> new WriteNoticeScenario(scene);
            case "closes" -> new SpaceCloseScenario(scene);
            case "lends" -> new BorrowScenario(scene);
            case "chains" -> new ForkChainScenario(scene);
            case "files" -> new HostFileScenario(scene);
            case "guest-calls" -> new GuestCallScenario(scene, description());
            default -> throw new IllegalArgumentException(name);
        };
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
    record Counts(long accesses, long overlaps, long changes, long shootdowns, long targets) {}

    /**
     * Runs the storm. Must be called only once.
     *
     * @return the result
     * @throws InterruptedException if the calling thread is interrupted
     */
    StormVerdict run() throws InterruptedException {
        int seconds = plan.seconds();
        if (plan.isFlat()) {
            int warmUp = Math.max(1, Math.min(seconds / WARM_UP_PART, LONGEST_WARM_UP));
            act(warmUp);
            ResourceUsage first = measure("start");
            act(seconds - warmUp);
            ResourceUsage last = measure("end");
            if (first != null && last != null) {
                if (last.isAsFlatAs(first)) {
                    rules.flat.held();
                } else {
                    rules.flat.broken(first.line() + " at the start, " + last.line() + " at the end");
                }
            }
        } else {
            act(seconds);
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
    private void act(int seconds) throws InterruptedException {
        if (course.isBroken()) {
            return;
        }
        course.resume();
        Crew crew = new Crew(course, rules);
        groups.forEach(group -> group.join(crew));
        try (Watchdog watchdog = new Watchdog(course, crew, reports, rules.progress, plan.patience())) {
            crew.start();
            watchdog.start();
            await(seconds);
            course.end();
            if (crew.awaitEnd() && !course.isBroken()) {
                groups.forEach(Group::rest);
                if (census.isPossible()) {
                    count();
                }
            }
        }
    }

    private void await(int seconds) throws InterruptedException {
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
                && groups.stream()
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
        return groups.stream().flatMap(group -> group.spaces().stream()).toList();
    }

    private long opens() {
        return groups.stream().mapToLong(Group::opens).sum();
    }

    /**
     * Returns the counts so far.
     *
     * @return the counts since the start
     */
    Counts counts() {
        MachineStatistics of = machine.statistics();
        return new Counts(
                rules.accesses.sum(),
                rules.overlaps.sum(),
                rules.changes.sum(),
                of.shootdowns(),
                of.shootdownTargets());
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
        for (Group group : groups) {
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
        return new StormVerdict(rules(), List.copyOf(facts));
    }

    /** Returns the rules of this storm, broken rules first. */
    private List<Invariant> rules() {
        List<Invariant> listed = new ArrayList<>();
        if (plan.checked() || rules.hardware.isBroken()) {
            listed.add(rules.hardware);
        }
        groups.forEach(group -> listed.addAll(group.rules()));
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

    /** Counts the live objects of the library, by class, after a garbage collection. */
    static final class Census {
        private static final String LIBRARY = "dev.samara.";
        private static final String TOOL = "dev.samara.tool.";

        /** The package of the histories of a checked machine, which are long on purpose. */
        private static final String HISTORIES = "dev.samara.core.internal.check.";

        private final MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        private final ObjectName commands;

        Census() {
            try {
                commands = new ObjectName("com.sun.management:type=DiagnosticCommand");
            } catch (JMException e) {
                throw new IllegalStateException(e);
            }
        }

        /** Returns whether this JVM can count objects. */
        boolean isPossible() {
            return server.isRegistered(commands);
        }

        /** Collects garbage, and returns the number of remaining objects of each class of the library. */
        Map<String, Long> take() {
            String histogram;
            try {
                histogram = (String)
                        server.invoke(commands, "gcClassHistogram", new Object[] {new String[0]}, new String[] {
                            String[].class.getName()
                        });
            } catch (JMException e) {
                throw new IllegalStateException("this JVM does not count objects", e);
            }
            Map<String, Long> counts = new TreeMap<>();
            histogram.lines().forEach(line -> {
                // "  12:   345   6789  class (module)"
                String[] fields = line.strip().split("\\s+", 5);
                if (fields.length >= 4 && isCounted(fields[3])) {
                    counts.merge(fields[3], Long.parseLong(fields[1]), Long::sum);
                }
            });
            return counts;
        }

        private static boolean isCounted(String name) {
            return name.startsWith(LIBRARY) && !name.startsWith(TOOL) && !name.startsWith(HISTORIES);
        }
    }

    /**
     * The resources of an idle machine.
     *
     * @param heap the live bytes in the heap, after garbage collection
     * @param threads the number of threads of the process
     * @param frames the number of frames in use
     * @param tables the size of page tables in bytes
     * @param opens the number of opens of backings that were not closed
     * @param references the number of references that were acquired and not released
     */
    record ResourceUsage(long heap, int threads, long frames, long tables, long opens, long references) {
        /** A time in nanoseconds after which a machine's threads without work have ended. */
        private static final long IDLE_NANOS = 7_000_000_000L;

        private static final int COLLECTIONS = 4;
        private static final int PERCENT = 5;

        /**
         * Returns the resources of a machine on which no thread works any more. Waits until its idle threads have
         * ended.
         */
        static ResourceUsage of(Machine machine, List<AddressSpace> spaces, long opens) throws InterruptedException {
            machine.awaitQuiescence();
            long until = System.nanoTime() + IDLE_NANOS;
            while (System.nanoTime() - until < 0) {
                LockSupport.parkNanos(until - System.nanoTime());
            }
            long heap = Long.MAX_VALUE;
            for (int n = 0; n < COLLECTIONS; n++) {
                System.gc();
                heap = Math.min(
                        heap,
                        ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
            }
            return new ResourceUsage(
                    heap,
                    ManagementFactory.getThreadMXBean().getThreadCount(),
                    machine.statistics().framesInUse(),
                    spaces.stream().mapToLong(AddressSpace::pageTableBytes).sum(),
                    opens,
                    machine.outstandingReferences().size());
        }

        /**
         * Returns whether this later state uses no more than an earlier one: the counts are equal, and the heap is at
         * most 5 % larger.
         */
        boolean isAsFlatAs(ResourceUsage before) {
            return heap <= before.heap + before.heap * PERCENT / 100
                    && threads == before.threads
                    && frames == before.frames
                    && tables == before.tables
                    && opens == before.opens
                    && references == before.references;
        }

        String line() {
            return String.format(
                    Locale.ROOT,
                    "heap %,d bytes, %d threads, %d frames, %,d bytes of page tables, %d opens, %d references",
                    heap,
                    threads,
                    frames,
                    tables,
                    opens,
                    references);
        }
    }
}
