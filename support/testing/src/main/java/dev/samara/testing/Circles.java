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
 * The circles of use among the top-level classes of a module: the sets of classes of which each one uses each other
 * one, directly or through others of the set. A sealed class does not use the classes that it permits. A nested class
 * belongs to its top-level class.
 */
public final class Circles {
    private final NavigableMap<String, NavigableSet<String>> uses = new TreeMap<>();
    private final List<NavigableSet<String>> found = new ArrayList<>();

    // The search of Tarjan: components are complete in the order in which their first class is left.
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
     * Finds the circles of a module.
     *
     * @param classes its classes
     * @return the circles, each of two classes at least
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

    /** Returns the lowest order of a class that is reached, which is open. */
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
     * Returns the long circles.
     *
     * @param classes the number of classes that is not long yet
     * @return the circles of more classes, the longest first, each with the names of its classes in order
     */
    public List<NavigableSet<String>> longerThan(int classes) {
        return found.stream().filter(circle -> circle.size() > classes).toList();
    }

    /**
     * Returns how many classes are in circles.
     *
     * @return the number of top-level classes that are in one
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
     * Draws a circle, for people: a line for each class, with those of the circle that it uses.
     *
     * @param circle one of {@link #longerThan}
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
