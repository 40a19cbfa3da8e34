// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The outcomes of a scenario's operations if they run one after another, for each order. An order leads to several
 * outcomes if work that an operation started may end before or after the next operation.
 */
record Outcomes(Map<List<String>, List<Outcome>> orders) {
    /**
     * The result of a run.
     *
     * @param results the results of the operations, and the layouts
     * @param pages the contents, by the name of the space or file and the page number
     */
    record Outcome(String results, Map<String, String> pages) {
        /**
         * Returns whether each page is that of one of the orders, which may differ from page to page because copies and
         * discards handle one page after the other. An order in which a space is not created contains no pages of it.
         */
        private boolean hasPagesOf(List<Outcome> orders) {
            return pages.entrySet().stream()
                    .allMatch(page ->
                            orders.stream().anyMatch(order -> page.getValue().equals(order.pages.get(page.getKey()))));
        }
    }

    static Outcomes ofOrders(List<String> operations, Function<List<String>, List<Outcome>> alone) {
        Map<List<String>, List<Outcome>> orders = new LinkedHashMap<>();
        permute(new ArrayList<>(operations), 0, order -> orders.put(order, alone.apply(order)));
        return new Outcomes(orders);
    }

    private static void permute(List<String> names, int from, Consumer<List<String>> each) {
        if (from == names.size()) {
            each.accept(List.copyOf(names));
            return;
        }
        for (int i = from; i < names.size(); i++) {
            Collections.swap(names, from, i);
            permute(names, from + 1, each);
            Collections.swap(names, from, i);
        }
    }

    /**
     * Checks an outcome. The results must be those of some order, and the pages must be those of an order with these
     * results.
     *
     * @param earlier by operation, the operations that returned before it started, and so precede it
     * @param mayPagesFollow whether an operation's layout may precede another operation while one of its pages follows
     *     that operation; if so, the pages may be those of any order
     */
    void check(Outcome outcome, Map<String, Set<String>> earlier, boolean mayPagesFollow) {
        List<Outcome> possible = new ArrayList<>();
        orders.forEach((order, of) -> {
            if (respects(order, earlier)) {
                possible.addAll(of);
            }
        });
        List<Outcome> like = possible.stream()
                .filter(order -> order.results.equals(outcome.results))
                .toList();
        if (like.isEmpty() || !outcome.hasPagesOf(mayPagesFollow ? possible : like)) {
            throw new AssertionError("no order of the operations leads to\n" + outcome + "\npossible:\n" + possible);
        }
    }

    private static boolean respects(List<String> order, Map<String, Set<String>> earlier) {
        return earlier.entrySet().stream()
                .allMatch(entry -> entry.getValue().stream()
                        .allMatch(before -> order.indexOf(before) < order.indexOf(entry.getKey())));
    }
}
