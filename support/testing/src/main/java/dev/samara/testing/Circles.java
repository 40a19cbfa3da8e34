// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The dependency cycles among the top-level classes of a module: the sets of classes in which each class uses every
 * other one, directly or through classes of the set. A sealed class does not count as using the classes that it
 * permits. A nested class counts as a part of its top-level class.
 */
public final class Circles {
    private final NavigableMap<String, NavigableSet<String>> uses = new TreeMap<>();
    private final List<NavigableSet<String>> found = new ArrayList<>();

    // The state of Tarjan's algorithm. A component is complete when the search returns from the first class that it
    // visited in the component.
    private final Map<String, Integer> order = new HashMap<>();
    private final Deque<String> open = new ArrayDeque<>();

    private Circles(JavaClasses classes) {
        for (JavaClass each : classes) {
            uses.computeIfAbsent(top(each), any -> new TreeSet<>());
        }
        for (JavaClass each : classes) {
            for (Dependency use : each.getDirectDependenciesFromSelf()) {
                String target = top(use.getTargetClass().getBaseComponentType());
                if (uses.containsKey(target) && !target.equals(top(each))) {
                    usesOf(top(each)).add(target);
                }
            }
        }
        for (String each : uses.keySet()) {
            if (!order.containsKey(each)) {
                search(each);
            }
        }
        found.sort(Comparator.<NavigableSet<String>>comparingInt(NavigableSet::size)
                .reversed()
                .thenComparing(NavigableSet::first));
    }

    /**
     * Finds the cycles of a module.
     *
     * @param classes its classes
     * @return the cycles, each of at least two classes
     */
    public static Circles of(JavaClasses classes) {
        return new Circles(classes);
    }

    private NavigableSet<String> usesOf(String name) {
        return Objects.requireNonNull(uses.get(name));
    }

    private static String top(JavaClass of) {
        return of.getName().replaceFirst("\\$.*", "");
    }

    /** Visits a class; returns the lowest order of the open classes that it reaches. */
    private int search(String from) {
        int own = order.size();
        int lowest = own;
        order.put(from, own);
        open.push(from);
        for (String to : usesOf(from)) {
            Integer known = order.get(to);
            if (known == null) {
                lowest = Math.min(lowest, search(to));
            } else if (open.contains(to)) {
                lowest = Math.min(lowest, known);
            }
        }
        if (lowest == own) {
            NavigableSet<String> circle = new TreeSet<>();
            while (!circle.contains(from)) {
                circle.add(open.pop());
            }
            if (circle.size() > 1) {
                found.add(circle);
            }
        }
        return lowest;
    }

    /**
     * Returns the long cycles.
     *
     * @param classes the maximum number of classes of a cycle that is not long
     * @return the cycles of more classes, the longest first, each as the sorted names of its classes
     */
    public List<NavigableSet<String>> longerThan(int classes) {
        return found.stream().filter(circle -> circle.size() > classes).toList();
    }

    /**
     * Returns how many classes are in cycles.
     *
     * @return the number of top-level classes that are in a cycle
     */
    public int classesInCircles() {
        return found.stream().mapToInt(NavigableSet::size).sum();
    }

    /**
     * Returns how many classes there are.
     *
     * @return the number of top-level classes
     */
    public int classes() {
        return uses.size();
    }

    /**
     * Describes a cycle for a report: one line per class, with the classes of the cycle that it uses.
     *
     * @param circle a result of {@link #longerThan}
     * @return lines of text
     */
    public String draw(NavigableSet<String> circle) {
        StringBuilder text = new StringBuilder();
        for (String each : circle) {
            NavigableSet<String> inside = new TreeSet<>(usesOf(each));
            inside.retainAll(circle);
            text.append(each).append(" -> ").append(inside).append('\n');
        }
        return text.toString();
    }
}
