# Stands for postgres: Debian's server, with the account, the folders and the entry point's contract of the image.
FROM stand-in/forky
# Whoever has the number 999 makes room.
RUN sed -i 's/:999:/:1999:/g' /etc/passwd /etc/group \
  && groupmod --gid 999 postgres && usermod --uid 999 --gid 999 postgres \
  && rm -rf /var/lib/postgresql /var/run/postgresql && mkdir /docker-entrypoint-initdb.d \
  && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql && install -d -o postgres -g postgres -m 3777 /var/run/postgresql
COPY postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/18/bin PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]
