// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaFieldAccess;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.samara.testing.WordComments;
import dev.samara.testing.WordComments.WordComment;
import java.io.IOException;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Checks that shared words are accessed in the modes that their comments name. No execution reveals a missing mode: x86
 * and HotSpot provide a stronger order than the modes require, and a model checker explores only sequentially
 * consistent executions.
 */
class AccessModesTest {
    private static final Path BASE = Path.of(System.getProperty("basedir", ""));
    private static final JavaClasses MAPLE =
            new ClassFileImporter().importPath(BASE.resolve("target").resolve("classes"));

    private static final Pattern DECLARED = Pattern.compile("VarHandle (\\w+)( =|;)");
    /** The word that each handle accesses. */
    private static final Map<String, String> HANDLES =
            Map.of("ROOT", "root", "ERA", "era", "LEAF", "leaves", "WORD", "WORD");

    private static final Pattern MODE = Pattern.compile("\\b(acquire|release|volatile|opaque)\\b");

    /** Returns the methods that the sources call on each handle. */
    private static Map<String, Set<String>> calls() throws IOException {
        Map<String, Set<String>> calls = new TreeMap<>();
        try (Stream<Path> files = Files.walk(BASE.resolve("src/main/java"))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
                String source = Files.readString(file);
                Matcher declared = DECLARED.matcher(source);
                while (declared.find()) {
                    String handle = declared.group(1);
                    calls.put(
                            handle,
                            Pattern.compile("\\b" + handle + "\\.(\\w+)\\(")
                                    .matcher(source)
                                    .results()
                                    .map(call -> call.group(1))
                                    .collect(Collectors.toCollection(TreeSet::new)));
                }
            }
        }
        return calls;
    }

    /**
     * Returns the modes that the comments on each handle's word name: "written" lists modes of stores, and "read" modes
     * of loads.
     */
    private static Map<String, Set<String>> said() {
        List<WordComment> comments = WordComments.in(BASE.toAbsolutePath());
        Map<String, Set<String>> said = new TreeMap<>();
        for (Map.Entry<String, String> handle : HANDLES.entrySet()) {
            Set<String> modes = new TreeSet<>();
            for (WordComment comment : comments) {
                if (comment.words().contains(handle.getValue())) {
                    addModes("set", comment.text("written"), modes);
                    addModes("get", comment.text("read"), modes);
                }
            }
            said.put(handle.getKey(), modes);
        }
        return said;
    }

    private static void addModes(String verb, String text, Set<String> modes) {
        Matcher mode = MODE.matcher(text);
        while (mode.find()) {
            String name = mode.group(1);
            modes.add(verb + Character.toUpperCase(name.charAt(0)) + name.substring(1));
        }
    }

    private static Set<String> callers(Class<?> type, String method) {
        return MAPLE.get(type).getCodeUnits().stream()
                .filter(unit -> unit.getName().equals(method))
                .flatMap(unit -> unit.getCallsOfSelf().stream())
                .map(call -> name(call.getOrigin()))
                .collect(Collectors.toSet());
    }

    private static String name(JavaCodeUnit unit) {
        return unit.getOwner().getSimpleName() + "." + unit.getName();
    }

    @Test
    @DisplayName("each handle is used in the modes that the comment of its word says")
    void handles() throws IOException {
        assertEquals(said(), calls());
    }

    @Test
    @DisplayName("the field of a handle is stored to by nothing else once the object is made")
    void fields() {
        assertEquals(Set.of("<init>"), stores(PublishedRoot.class, "root"));
        assertEquals(Set.of("<init>"), stores(EditedRoot.class, "era"));
    }

    private static Set<String> stores(Class<?> type, String field) {
        return MAPLE.get(type).getField(field).getAccessesToSelf().stream()
                .filter(access -> access.getAccessType() == JavaFieldAccess.AccessType.SET)
                .map(access -> access.getOrigin().getName())
                .collect(Collectors.toSet());
    }

    @Test
    @DisplayName("modes are used in these methods, which all others call")
    void methods() {
        assertEquals(
                Set.of(
                        "PublishedRoot.rootAcquire getAcquire",
                        "PublishedRoot.rootVolatile getVolatile",
                        "PublishedRoot.setRootRelease setRelease",
                        "EditedRoot.eraAcquire getAcquire",
                        "EditedRoot.setEraRelease setRelease",
                        "LeafPivots.endRead acquireFence",
                        "Node.setWordRelease setRelease",
                        "Node.leafAcquire getAcquire",
                        "Node.setLeafRelease setRelease"),
                MAPLE.stream()
                        .flatMap(type -> type.getMethodCallsFromSelf().stream())
                        .filter(call -> call.getTargetOwner().isEquivalentTo(VarHandle.class))
                        .map(call -> name(call.getOrigin()) + " " + call.getName())
                        .collect(Collectors.toSet()));
        assertEquals(Set.of("EditedRoot.publish"), callers(PublishedRoot.class, "setRootRelease"));
        assertEquals(Set.of("EditedRoot.publish", "EditedRoot.endEra"), callers(EditedRoot.class, "setEraRelease"));
        assertEquals(Set.of("Node.replaceLeaf"), callers(Node.class, "setLeafRelease"));
        assertEquals(Set.of("Node.leaf", "Node.isLeaf"), callers(Node.class, "leafAcquire"));
        assertEquals(Set.of("LeafBoundary.move"), callers(Node.class, "setWordRelease"));
        assertEquals(Set.of("InPlace.moves"), callers(LeafBoundary.class, "move"));
    }

    @Test
    @DisplayName("an object that a race may pass on has only final fields, but for one that readers do not read")
    void finalFields() {
        for (Class<?> type : List.of(Node.class, Era.class, Reservation.class, Snapshot.class, Transaction.class)) {
            assertEquals(
                    type == Node.class ? List.of(MAPLE.get(type).getField("ownLeaves")) : List.of(),
                    MAPLE.get(type).getFields().stream()
                            .filter(field -> !field.getModifiers().contains(JavaModifier.FINAL))
                            .toList());
        }
    }

    @Test
    @DisplayName("a child of a node is stored plainly before the node can be reached, and nowhere else")
    void slots() throws IOException {
        String node = Files.readString(BASE.resolve("src/main/java/dev/samara/maple/Node.java"));
        Matcher stores = Pattern.compile("\\b(leaves|nodes)\\[[^]]*\\] = ").matcher(node);
        assertEquals(2, stores.results().count(), "in setChild");
        assertEquals(Set.of("OwnedPath.writeChild"), callers(Node.class, "setChild"));
        assertEquals(Set.of("InPlace.put"), callers(Node.class, "replaceLeaf"));
    }
}
