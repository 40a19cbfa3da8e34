// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.maple.MapleTree;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The objects that strong references reach from some roots, as a collector would find them, found by reflection and so
 * without a collection. Threads and other internal state of JDK objects are not looked into; its
 * collections are.
 */
public final class ReachableObjects {
    /** Each with the object that has led to it, or itself. */
    private final IdentityHashMap<Object, Object> found = new IdentityHashMap<>();

    private final Deque<Object> left = new ArrayDeque<>();
    private @Nullable Object current;

    /** Objects of these classes are not looked into. */
    private final List<Class<?>> borders;

    private ReachableObjects(List<Class<?>> borders) {
        this.borders = borders;
    }

    /** Those of one class, by its simple name. */
    public static List<Object> of(String simpleName, Object... roots) {
        return from(roots).stream()
                .filter(object -> object.getClass().getSimpleName().equals(simpleName))
                .toList();
    }

    /** All that is found, the roots included. */
    public static Set<Object> from(Object... roots) {
        return search(List.of(), roots).found.keySet();
    }

    /** All that is found without a look into the objects of some classes. */
    public static Set<Object> from(List<Class<?>> borders, Object... roots) {
        return search(borders, roots).found.keySet();
    }

    /** The classes of the objects on a shortest way to one that is found, from a root. */
    public static List<String> pathTo(Object target, Object... roots) {
        IdentityHashMap<Object, Object> found = search(List.of(), roots).found;
        List<String> path = new ArrayList<>();
        Object at = target;
        while (path.isEmpty() || found.get(at) != at) {
            path.add(0, at.getClass().getSimpleName());
            at = Objects.requireNonNull(found.get(at), "not reachable");
        }
        path.add(0, at.getClass().getSimpleName());
        return path;
    }

    private static ReachableObjects search(List<Class<?>> borders, Object... roots) {
        ReachableObjects reachable = new ReachableObjects(borders);
        reachable.add(Arrays.asList(roots));
        while (!reachable.left.isEmpty()) {
            Object next = reachable.left.remove();
            reachable.current = next;
            reachable.lookInto(next);
        }
        return reachable;
    }

    private void add(Collection<?> objects) {
        for (Object object : objects) {
            if (object != null && found.putIfAbsent(object, current == null ? object : current) == null) {
                left.add(object);
            }
        }
    }

    private void lookInto(Object object) {
        if (borders.stream().anyMatch(border -> border.isInstance(object))) {
            return;
        }
        if (object instanceof Object[] array) {
            add(Arrays.asList(array));
        } else if (object instanceof Collection<?> collection && !isOfJcTools(object)) {
            add(collection);
        } else if (object instanceof Map<?, ?> map) {
            add(map.keySet());
            add(map.values());
        } else if (object instanceof AtomicReference<?> reference) {
            add(Collections.singletonList(reference.get()));
        } else if (object instanceof AtomicReferenceArray<?> array) {
            for (int i = 0; i < array.length(); i++) {
                if (array.get(i) != null) {
                    add(Collections.singletonList(array.get(i)));
                }
            }
        } else {
            if (object instanceof MapleTree<?> tree) {
                // Its own fields may be those of a module that is not open.
                tree.snapshot().forEach((first, last, value) -> add(List.of(value)));
            }
            fieldsOf(object);
        }
    }

    private void fieldsOf(Object object) {
        for (Class<?> of = object.getClass(); isOurs(of); of = of.getSuperclass()) {
            for (Field field : of.getDeclaredFields()) {
                if (!Modifier.isStatic(field.getModifiers())
                        && !field.getType().isPrimitive()
                        && field.trySetAccessible()) {
                    add(Collections.singletonList(value(field, object)));
                }
            }
        }
    }

    /** A queue of JCTools may have no iterator. */
    private static boolean isOfJcTools(Object object) {
        return object.getClass().getName().startsWith("org.jctools.");
    }

    private static boolean isOurs(Class<?> type) {
        // The threads of a scenario, and their scheduler, know all that they have accessed.
        return type.getName().startsWith("dev.samara.") && !type.getName().startsWith("dev.samara.core.interleave.");
    }

    private static @Nullable Object value(Field field, Object object) {
        try {
            return field.get(object);
        } catch (IllegalAccessException impossible) {
            throw new AssertionError(impossible);
        }
    }
}
