// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.interleave;

import dev.samara.interleave.schedule.Scenario;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A writer and a reader of one tree. Their results must be equal to those of some serial order of the calls. Whether
 * the results of a serial order are correct is left to other tests.
 */
abstract class TreeScenario implements Scenario {
    private static final String WRITER = "writer";
    private static final String READER = "reader";

    /** The results in each order of the calls, by scenario. Stored per class loader of the scenario. */
    private static final Map<Class<?>, Map<List<String>, List<String>>> ORDERS = new ConcurrentHashMap<>();

    /** A call on the tree. */
    @FunctionalInterface
    interface Call {
        String run(TwoLeaves tree);
    }

    private final Map<String, List<Call>> calls = new LinkedHashMap<>();
    private final Map<String, List<String>> results = new LinkedHashMap<>();

    /** The thread of each call, in the order in which the calls started. */
    private final List<String> begun = new ArrayList<>();

    /** For each call, how many calls of each thread had returned when it started. */
    private final List<Map<String, Integer>> returned = new ArrayList<>();

    private @Nullable TwoLeaves tree;

    /** Creates a scenario with the calls of its two threads. */
    TreeScenario(List<Call> writer, List<Call> reader) {
        calls.put(WRITER, writer);
        calls.put(READER, reader);
    }

    /** Returns whether the cells outside the window are reservations. */
    boolean isReserved() {
        return false;
    }

    /** Returns whether the tree is so high that its leaves use lanes. */
    boolean isHigh() {
        return false;
    }

    /** Returns the calls to make before the two threads start. */
    List<Call> before() {
        return List.of();
    }

    /** Returns the calls to make after the two threads ended. */
    List<Call> after() {
        return List.of();
    }

    private TwoLeaves prepared(boolean isExpected) {
        TwoLeaves made = new TwoLeaves(isReserved(), isHigh(), isExpected);
        before().forEach(call -> call.run(made));
        return made;
    }

    @Override
    public final void begin() {
        ORDERS.computeIfAbsent(getClass(), type -> orders());
        tree = prepared(false);
        calls.keySet().forEach(name -> results.put(name, new ArrayList<>()));
    }

    @Override
    public final Map<String, Body> operations() {
        Map<String, Body> bodies = new LinkedHashMap<>();
        calls.forEach((name, made) -> bodies.put(name, () -> {
            for (Call call : made) {
                Map<String, Integer> before = new LinkedHashMap<>();
                results.forEach((thread, had) -> before.put(thread, had.size()));
                begun.add(name);
                returned.add(before);
                String result = call.run(Objects.requireNonNull(tree));
                Objects.requireNonNull(results.get(name)).add(result);
            }
        }));
        return bodies;
    }

    @Override
    public final void end() {
        List<String> outcome = new ArrayList<>();
        results.values().forEach(outcome::addAll);
        after().forEach(call -> outcome.add(call.run(Objects.requireNonNull(tree))));
        Map<List<String>, List<String>> orders = Objects.requireNonNull(ORDERS.get(getClass()));
        boolean isPossible = orders.entrySet().stream()
                .anyMatch(order ->
                        respectsTime(order.getKey()) && order.getValue().equals(outcome));
        if (!isPossible) {
            throw new AssertionError("no order of the calls leads to " + outcome + ", possible: " + orders);
        }
    }

    /**
     * Returns whether an order of the threads respects real time, i.e. each call comes after all calls that had
     * returned when it started.
     */
    private boolean respectsTime(List<String> order) {
        Map<String, Integer> number = new LinkedHashMap<>();
        for (int i = 0; i < begun.size(); i++) {
            String thread = begun.get(i);
            int call = number.merge(thread, 1, Integer::sum);
            List<String> earlier = order.subList(0, indexOf(order, thread, call));
            boolean hasAll = returned.get(i).entrySet().stream()
                    .allMatch(
                            had -> earlier.stream().filter(had.getKey()::equals).count() >= had.getValue());
            if (!hasAll) {
                return false;
            }
        }
        return true;
    }

    private static int indexOf(List<String> order, String thread, int call) {
        int left = call;
        for (int i = 0; i < order.size(); i++) {
            if (order.get(i).equals(thread) && --left == 0) {
                return i;
            }
        }
        throw new IllegalArgumentException(order + " has no " + thread + ' ' + call);
    }

    private Map<List<String>, List<String>> orders() {
        Map<List<String>, List<String>> made = new LinkedHashMap<>();
        addOrders(new ArrayList<>(), made);
        return made;
    }

    private void addOrders(List<String> order, Map<List<String>, List<String>> made) {
        boolean isWhole = true;
        for (Map.Entry<String, List<Call>> thread : calls.entrySet()) {
            long done = order.stream().filter(thread.getKey()::equals).count();
            if (done < thread.getValue().size()) {
                isWhole = false;
                order.add(thread.getKey());
                addOrders(order, made);
                order.remove(order.size() - 1);
            }
        }
        if (isWhole) {
            made.put(List.copyOf(order), alone(order));
        }
    }

    /** Returns the results of the calls in a serial order: the writer's, the reader's, and those after both. */
    private List<String> alone(List<String> order) {
        TwoLeaves alone = prepared(true);
        Map<String, List<String>> found = new LinkedHashMap<>();
        calls.keySet().forEach(name -> found.put(name, new ArrayList<>()));
        for (String thread : order) {
            List<String> had = Objects.requireNonNull(found.get(thread));
            had.add(Objects.requireNonNull(calls.get(thread)).get(had.size()).run(alone));
        }
        List<String> outcome = new ArrayList<>();
        found.values().forEach(outcome::addAll);
        after().forEach(call -> outcome.add(call.run(alone)));
        return outcome;
    }
}
