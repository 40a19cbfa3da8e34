// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** A document that a strict parser accepted. */
public final class Xml {
    private final Document document;

    private Xml(Document document) {
        this.document = document;
    }

    /** Parses a document. */
    public static Xml parse(String text) {
        try {
            return new Xml(DocumentBuilderFactory.newInstance()
                    .newDocumentBuilder()
                    .parse(new InputSource(new StringReader(text))));
        } catch (Exception e) {
            throw new AssertionError("this is no XML: " + text, e);
        }
    }

    /** Returns the text of each element with a name, in the order of the document. */
    public List<String> texts(String element) {
        List<String> texts = new ArrayList<>();
        NodeList found = document.getElementsByTagName(element);
        for (int i = 0; i < found.getLength(); i++) {
            texts.add(found.item(i).getTextContent());
        }
        return texts;
    }

    /** Returns an attribute of each element with a name; empty if the attribute is missing. */
    public List<String> attributes(String element, String attribute) {
        List<String> values = new ArrayList<>();
        NodeList found = document.getElementsByTagName(element);
        for (int i = 0; i < found.getLength(); i++) {
            Node value = found.item(i).getAttributes().getNamedItem(attribute);
            values.add(value == null ? "" : value.getNodeValue());
        }
        return values;
    }
}
